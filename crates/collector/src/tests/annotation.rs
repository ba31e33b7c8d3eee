//! Where clients are is for the collector to say.

use std::{fs, path::Path, sync::Arc, time::Duration};

use mmdb_writer::Writer;
use prost::Message as _;
use tonic::Code;
use trigpoint_annotation::{Databases, build};
use trigpoint_record::tables::{FLOWS, SPEED_TESTS, TRACES};
use trigpoint_record::{Batch, Column, Kind, Table, Value};
use trigpoint_wire::encode;
use trigpoint_wire::ingest::{self, ColumnSchema, Columns};

use crate::Settings;
use crate::settings::Annotation;
use crate::testing::{Fixture, MIDNIGHT, Station, described, distinct, hello, quick};

const CLIENT: &str = "client_country_code client_country_code3 client_asn client_as_name \
                      client_network_cidr client_geography_missing client_network_missing";
const SERVER: &str = "server_country_code server_country_code3 server_asn server_as_name \
                      server_network_cidr server_geography_missing server_network_missing";
const RELOADS: &str = "trigpoint_collector_database_reloads_total";

/// Countries of two networks.
fn geography(folder: &Path) -> std::path::PathBuf {
    let mut writer = Writer::builder("Countries").description(&[("en", "made in a test")]).build();
    for (first, last, code) in [("1.1.1.0", "1.1.1.255", "AU"), ("81.2.69.0", "81.2.69.255", "GB")]
    {
        let value = mmdb_writer::Value::map([("country_code", code)]);
        writer.insert_range(first.parse().unwrap(), last.parse().unwrap(), &value).unwrap();
    }
    let path = folder.join("countries.mmdb");
    fs::write(&path, writer.to_bytes().unwrap()).unwrap();
    path
}

/// The autonomous system of one network.
fn network(folder: &Path, name: &str) -> std::path::PathBuf {
    let (lines, path) = (folder.join("asn.csv"), folder.join("asn.mmdb"));
    fs::write(&lines, format!("1.1.1.0,1.1.1.255,13335,{name}\n")).unwrap();
    build(&[lines], &path).unwrap();
    path
}

/// A collector that annotates from both, and looks for new files all the time.
async fn annotating(folder: &Path) -> Fixture {
    let (geography, network) = (geography(folder), network(folder, "Cloudflare"));
    let databases = Arc::new(Databases::open(Some(&geography), Some(&network)).unwrap());
    let annotation = Annotation { databases, reload_interval: Duration::from_millis(10) };
    Fixture::new(Settings { annotation, ..quick() }).await
}

/// A row of which these columns are known.
fn row(table: &'static Table, seq: u64, known: &[(&str, Value)]) -> Vec<u8> {
    let mut batch = Batch::new(table);
    let row = table.columns.iter().map(|column| {
        let value = known.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value);
        match (value, column.name, column.kind) {
            (Some(value), _, _) => value.clone(),
            (None, "flow_id", _) => Value::Text(format!("flow_{seq}")),
            (None, "opened_time", _) => Value::Time(MIDNIGHT),
            _ => Value::Null,
        }
    });
    batch.push(row.collect()).unwrap();
    encode(&batch)
}

fn column<'a>(columns: &'a [Column], name: &str) -> &'a Column {
    columns.iter().find(|column| column.name == name).unwrap()
}

fn integer(column: &Column) -> ColumnSchema {
    ColumnSchema {
        id: column.id,
        name: column.name.to_owned(),
        kind: ingest::Kind::Int.into(),
        ..ColumnSchema::default()
    }
}

#[tokio::test]
async fn a_station_that_says_where_its_clients_are_is_refused() {
    let fixture = Fixture::new(quick()).await;
    let mut of_a_row = hello("spool");
    let client_asn = column(FLOWS.columns, "client_asn");
    described(&mut of_a_row, "flows").columns.push(integer(client_asn));

    let Kind::List(probe) = column(TRACES.columns, "probes").kind else { panic!("no list") };
    let Kind::Struct(fields) = probe.kind else { panic!("no structs") };
    let mut of_a_probe = hello("spool");
    let probes = described(&mut of_a_probe, "traces").columns.iter_mut();
    let item = &mut probes.into_iter().find(|column| column.name == "probes").unwrap().children[0];
    item.children.push(integer(column(fields, "reply_asn")));
    // The item of a list is the item whatever it is called.
    item.id = 77;

    for (hello, expected) in [
        (of_a_row, "column client_asn of table flows is filled by the collector"),
        (of_a_probe, "column reply_asn of table traces is filled by the collector"),
    ] {
        let mut station = Station::connect(fixture.channel().await, None).await.unwrap();
        station.hello(hello).await;
        let status = station.refused().await;
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, expected));
    }
}

#[tokio::test]
async fn a_batch_that_says_so_behind_its_hello_is_quarantined() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    let message = zstd::decode_all(encode(&distinct(&FLOWS, 1, 1)).as_slice()).unwrap();
    let mut columns = Columns::decode(message.as_slice()).unwrap();
    let id = column(FLOWS.columns, "client_asn").id;
    columns.columns.push(ingest::Column { id, deltas: vec![64_500], ..Default::default() });
    let payload = zstd::bulk::compress(&columns.encode_to_vec(), 1).unwrap();
    station.batch(1, "flows", payload).await;
    station.rows(2, &FLOWS, 1).await;

    let rejects = station.acknowledged(2).await;
    assert_eq!(rejects.len(), 1);
    assert_eq!(rejects[0].detail, format!("column {id} was not described"));
    assert_eq!(fixture.number("SELECT count(*) FROM flows").await, 1);
    assert_eq!(fixture.number("SELECT count(client_asn) FROM flows").await, 0);
}

#[tokio::test]
async fn tests_and_flows_say_where_both_ends_are() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = annotating(folder.path()).await;
    let mut station = fixture.station("spool").await;
    let ends = |client: &str, server: &str, [client_column, server_column]: [&'static str; 2]| {
        [(client_column, client.into()), (server_column, server.into())]
    };
    let flow = ends("1.1.1.1", "192.168.7.7", ["remote_ip", "local_ip"]);
    let test = ends("81.2.69.142", "1.1.1.9", ["client_ip", "server_ip"]);
    station.batch(1, "flows", row(&FLOWS, 1, &flow)).await;
    station.batch(2, "speed_tests", row(&SPEED_TESTS, 2, &test)).await;
    station.acknowledged(2).await;

    let answer = |table: &'static str, columns: &'static str| {
        let fixture = &fixture;
        async move {
            let columns = columns.split(' ').map(|it| format!("coalesce({it}::text, '-')"));
            let columns = columns.collect::<Vec<_>>().join(" || ' ' || ");
            fixture.text(&format!("SELECT {columns} FROM {table}")).await
        }
    };
    assert_eq!(answer("flows", CLIENT).await, "AU AUS 13335 Cloudflare 1.1.1.0/24 - -");
    assert_eq!(answer("flows", SERVER).await, "- - - - - private_address private_address");
    assert_eq!(answer("speed_tests", CLIENT).await, "GB GBR - - - - not_found");
    assert_eq!(answer("speed_tests", SERVER).await, "AU AUS 13335 Cloudflare 1.1.1.0/24 - -");
    for table in ["flows", "speed_tests"] {
        let databases = answer(table, "geography_database network_database").await;
        assert_eq!(databases, "Countries Trigpoint-ASN", "{table}");
        let recent = "geography_database_build_time > now() - interval '1 hour' \
                      AND network_database_build_time > now() - interval '1 hour'";
        let recent = format!("SELECT count(*) FROM {table} WHERE {recent}");
        assert_eq!(fixture.number(&recent).await, 1, "{table}");
    }
    assert_eq!(fixture.metric("trigpoint_collector_annotated_addresses_total"), 8);
}

#[tokio::test]
async fn hops_say_whose_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = annotating(folder.path()).await;
    let mut station = fixture.station("spool").await;
    let Kind::List(probe) = column(TRACES.columns, "probes").kind else { panic!("no list") };
    let Kind::Struct(fields) = probe.kind else { panic!("no structs") };
    let probe = |ip: Option<&str>| {
        let value = |field: &Column| match field.name {
            "reply_ip" => ip.into(),
            _ => Value::Null,
        };
        Value::Struct(fields.iter().map(value).collect())
    };
    let probes = [Some("10.0.0.1"), None, Some("1.1.1.1"), Some("1.1.1.1"), Some("81.2.69.1")];
    let probes = Value::List(probes.into_iter().map(probe).collect());
    station.batch(1, "traces", row(&TRACES, 1, &[("probes", probes)])).await;
    // A client that was not traced.
    station.batch(2, "traces", row(&TRACES, 2, &[])).await;
    assert!(station.acknowledged(2).await.is_empty());

    let text = fixture
        .text(
            "SELECT string_agg(coalesce(p['reply_country_code'], '-') || ' ' || \
             coalesce(p['reply_asn']::text, '-') || ' ' || coalesce(p['reply_as_name'], '-'), ', ') \
             FROM (SELECT unnest(probes) AS p FROM traces WHERE flow_id = 'flow_1')",
        )
        .await;
    assert_eq!(text, "- - -, - - -, AU 13335 Cloudflare, AU 13335 Cloudflare, GB - -");
    let named = "SELECT count(*) FROM traces WHERE geography_database = 'Countries'";
    assert_eq!(fixture.number(named).await, 2);
}

#[tokio::test]
async fn without_databases_rows_say_so() {
    let fixture = Fixture::new(quick()).await;
    let mut station = fixture.station("spool").await;
    station.batch(1, "flows", row(&FLOWS, 1, &[("remote_ip", "1.1.1.1".into())])).await;
    station.acknowledged(1).await;
    let text = fixture
        .text(
            "SELECT client_geography_missing || ' ' || client_network_missing || ' ' || \
             server_network_missing || ' ' || coalesce(network_database, '-') FROM flows",
        )
        .await;
    assert_eq!(text, "no_database no_database no_database -");
}

#[tokio::test]
async fn a_replaced_database_is_used_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = annotating(folder.path()).await;
    let mut station = fixture.station("spool").await;
    let flow = |seq| row(&FLOWS, seq, &[("remote_ip", "1.1.1.1".into())]);
    station.batch(1, "flows", flow(1)).await;
    station.acknowledged(1).await;

    let path = network(folder.path(), "Renamed");
    fixture.reaches(RELOADS, 1).await;
    station.batch(2, "flows", flow(2)).await;
    station.acknowledged(2).await;
    fs::write(&path, "half a file").unwrap();
    fixture.reaches(RELOADS, 2).await;
    station.batch(3, "flows", flow(3)).await;
    station.acknowledged(3).await;

    let text = "SELECT string_agg(client_as_name, ' ' ORDER BY flow_id) FROM flows";
    assert_eq!(fixture.text(text).await, "Cloudflare Renamed Renamed");
}
