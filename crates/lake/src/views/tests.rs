use super::*;
use crate::session::CATALOG;
use crate::testing::csv;

mod filters;
mod kernel_fields;
mod ndt7;
mod paths;
mod queries;
mod rows;
mod tcpinfo;

use rows::{lake, world};

#[tokio::test]
async fn a_view_is_listed_after_those_that_it_names() {
    let context = datafusion::execution::context::SessionContext::new();
    let views = all(&context.state()).unwrap();
    let count = views.len();
    assert_eq!(over(views, trigpoint_record::TABLES).len(), count);
}

#[tokio::test]
async fn every_view_can_be_planned_and_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let shown = csv(&lake, "SHOW TABLES").await;
    for view in VIEWS {
        let line = format!("{CATALOG},{},{},VIEW", view.schema, view.name);
        assert!(shown.contains(&line), "{view} is not shown: {shown:?}");
        assert!(csv(&lake, &format!("SELECT * FROM {view}")).await.is_empty());
        assert!(!csv(&lake, &format!("DESCRIBE {view}")).await.is_empty());
    }
    let columns = "SELECT column_name FROM information_schema.columns
        WHERE table_schema = 'ndt' AND table_name = 'unified_downloads'
        ORDER BY ordinal_position";
    let mlabs = ["id", "date", "a", "metadata", "client", "server"];
    let ours = ["IsValidBest", "IsValid2023", "IsValid2021", "Verdict"];
    assert_eq!(csv(&lake, columns).await, [&mlabs[..], &ours].concat());
}

#[tokio::test]
async fn a_lake_without_their_tables_has_no_views() {
    let directory = tempfile::tempdir().unwrap();
    let lake = crate::testing::lake(&directory);
    assert!(!csv(&lake, "SHOW TABLES").await.join("\n").contains("ndt"));
    let refused = lake.session().query("SELECT id FROM ndt.ndt7").await.unwrap_err().to_string();
    assert_eq!(refused, "there is no table `ndt.ndt7`; there are readings, events");
}

#[tokio::test]
async fn names_match_without_regard_to_case() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    for sql in [
        "SELECT count(*) FROM ndt.unified_downloads WHERE client.Geo.countryCode = 'US'",
        "SELECT count(*) FROM NDT.Unified_Downloads d WHERE D.CLIENT.geo.COUNTRYCODE = 'US'",
        "SELECT count(*) FROM ndt.unified_downloads
            WHERE isvalidbest AND client['geo']['CountryCode'] = 'US'",
        "SELECT COUNT(*) FROM (SELECT Client.Geo FROM ndt.unified_downloads) WHERE GEO.CountryCode = 'US'",
        "WITH Tests AS (SELECT a.UUID, client.Geo.CountryCode AS Country FROM ndt.unified_downloads)
            SELECT count(uuid) FROM tests WHERE country = 'US'",
        "SELECT count(*) FROM ndt.unified_downloads WHERE client.\"Geo\".\"CountryCode\" = 'US'",
    ] {
        assert_eq!(csv(&lake, sql).await, ["3"], "{sql}");
    }
}

#[tokio::test]
async fn columns_are_called_after_their_fields_as_the_query_spells_them() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    for (columns, names) in [
        ("a.MeanThroughputMbps", "MeanThroughputMbps"),
        ("client.Geo.postalCode, date", "postalCode,date"),
        ("d.a.minrtt, d.id", "minrtt,id"),
        ("a['LossRate'] AS Loss, IsValidBest", "Loss,IsValidBest"),
        ("metadata.ClientMetadata[1].Name", "Name"),
        ("MAX(a.MinRTT) AS max_MinRTT", "max_MinRTT"),
        ("client.Network.ASName AS network, client.Geo.City AS City", "network,City"),
        ("a.MinRTT AS minrtt", "minrtt"),
    ] {
        let sql = format!("SELECT {columns} FROM ndt.unified_downloads AS d");
        let schema = lake.session().query(&sql).await.unwrap().schema();
        let found: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(found.join(","), names, "{sql}");
    }
    // Two fields of one name stay apart.
    let sql = "SELECT client.Network.ASNumber, server.Network.ASNumber FROM ndt.ndt7";
    assert_eq!(lake.session().query(sql).await.unwrap().schema().fields().len(), 2);
    let sorted = "SELECT DISTINCT client.Geo.CountryCode FROM ndt.unified_downloads
        ORDER BY client.Geo.CountryCode";
    assert_eq!(csv(&lake, sorted).await, ["IT", "US"]);
}

#[tokio::test]
async fn a_wrong_name_of_a_view_or_field_is_answered_with_the_nearest_right_one() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    for (sql, message) in [
        (
            "SELECT id FROM unified_downloads",
            "there is no table `unified_downloads`; did you mean `ndt.unified_downloads`?",
        ),
        (
            "SELECT id FROM ndt_raw.unified_uploads",
            "there is no table `ndt_raw.unified_uploads`; did you mean `ndt.unified_uploads`?",
        ),
        (
            "SELECT a.MeanThroughputMbs FROM ndt.unified_downloads",
            "there is no column `a.meanthroughputmbs`; did you mean `a.MeanThroughputMbps`?",
        ),
        (
            "SELECT client['Geo']['CountyCode'] FROM ndt.unified_downloads",
            "there is no column `CountyCode`; did you mean `CountryCode`?",
        ),
        (
            "SELECT IsValidBst FROM ndt.unified_downloads",
            "there is no column `isvalidbst`; did you mean `IsValidBest`?",
        ),
    ] {
        let refused = lake.session().query(sql).await.unwrap_err().to_string();
        assert_eq!(refused, message, "{sql}");
    }
}
