//! The published queries in `queries/`, on rows whose answers are known.

use super::rows::world;
use crate::Lake;
use crate::testing::csv;

/// A file, in the year of the rows.
fn sql(name: &str) -> String {
    let path = format!("{}/../../queries/{name}.sql", env!("CARGO_MANIFEST_DIR"));
    let sql = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    sql.replace("CURRENT_DATE", "DATE '2026-11-26'")
}

/// The answer of a file.
pub(super) async fn answer(lake: &Lake, name: &str) -> Vec<String> {
    csv(lake, &sql(name)).await
}

fn id(n: u64) -> String {
    super::rows::flow_id(n).to_string()
}

#[tokio::test]
async fn tests_of_a_city() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let row = |n: u64, postal_code| {
        let speed = 10.0 * n as f64;
        format!("2026-11-24,{},{speed:?},20.0,0.2,Baltimore,{postal_code},39.29,-76.61,7922", id(n))
    };
    let expected = [row(3, "21217"), row(2, "21224"), row(1, "21224")];
    assert_eq!(answer(&lake, "q01_tests_of_a_city").await, expected);
    assert_eq!(answer(&lake, "q02_tests_by_postal_code").await, ["1,21217", "2,21224"]);

    let both = answer(&lake, "q04_both_directions").await;
    assert_eq!(both.len(), 4);
    assert_eq!(both.iter().filter(|row| row.starts_with("upload,")).count(), 1);
}

#[tokio::test]
async fn speeds_by_postal_code() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let rows = answer(&lake, "q03_speeds_by_postal_code").await;
    assert_eq!(rows[0], "21217,7922,1,30.0,30.0,30.0,30.0,30.0,30.0");
    let values: Vec<f64> = rows[1].split(',').map(|value| value.parse().unwrap()).collect();
    assert_eq!(values[..4], [21224.0, 7922.0, 2.0, 10.0]);
    assert_eq!((values[6], values[8]), (15.0, 20.0));
    assert!(values[4..6].iter().all(|quantile| (10.0..=20.0).contains(quantile)), "{rows:?}");
}

#[tokio::test]
async fn a_custom_view() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    assert_eq!(answer(&lake, "q05_custom_view_of_window_scale").await, ["2026,7,4"]);
}

#[tokio::test]
async fn tests_by_country_network_and_month() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    // Downloads of 10, 20 and 30 Mbit/s and the upload of 50; of 40 and 60.
    let countries = answer(&lake, "q10_speed_by_country").await;
    assert_eq!(countries, ["IT,50.0,2", "US,27.5,4"]);
    assert!(answer(&lake, "q11_providers").await.is_empty());
    assert_eq!(answer(&lake, "q12_regions").await, ["MD,4,27.5"]);
    let months = answer(&lake, "q13_months").await;
    assert_eq!(months.len(), 1);
    assert!(months[0].starts_with("2026-11-01T00:00:00"), "{months:?}");
    let network = answer(&lake, "q14a_own_network").await;
    assert!(network[0].ends_with(",20.0,4"), "{network:?}");
    assert!(answer(&lake, "q14b_largest_networks").await.is_empty());
    assert!(answer(&lake, "q15_own_site").await.is_empty());
    assert_eq!(answer(&lake, "q16_export").await.len(), 6);
    assert_eq!(answer(&lake, "q17b_annotation_coverage").await, ["2026-11-24,6,1.0,1.0"]);
}

#[tokio::test]
async fn distributions() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let histogram = answer(&lake, "q19_histogram_of_daily_tests").await;
    // Of network 3269 the one test of 40 Mbit/s, of 7922 those of 10, 20 and 30.
    let bucket =
        |row: &str| row.split(',').take(6).map(str::to_owned).collect::<Vec<_>>().join(",");
    let bounds =
        |power: f64| format!("{},{}", 10_f64.powf(power - 0.25), 10_f64.powf(power + 0.25));
    let (ten, thirty) = (bounds(1.0), bounds(1.5));
    let expected = [
        format!("2026-11-24,3269,{thirty},1.0,1"),
        format!("2026-11-24,7922,{ten},{},3", 1.0 / 3.0),
        format!("2026-11-24,7922,{thirty},{},3", 2.0 / 3.0),
    ];
    assert_eq!(histogram.iter().map(|row| bucket(row)).collect::<Vec<_>>(), expected);

    let means = answer(&lake, "q20a_canary_means").await;
    let arms: Vec<_> = means.iter().map(|row| row.split(',').take(4).collect::<Vec<_>>()).collect();
    let expected = [
        ["fco01", "canary", "1", "60.0"],
        ["fco01", "stable", "2", "35.0"],
        ["lga03", "stable", "2", "15.0"],
    ];
    assert_eq!(arms, expected);
    let geometric: f64 = means[2].split(',').nth(4).unwrap().parse().unwrap();
    assert!((geometric - 200_f64.sqrt()).abs() < 1e-9, "{means:?}");

    let densities = answer(&lake, "q20b_canary_distributions").await;
    assert_eq!(densities.len(), 5);
    assert!(densities[4].ends_with(",lga03,stable,0.5,1.0"), "{densities:?}");
    assert_eq!(
        answer(&lake, "q20c_slow_tests_by_region").await,
        ["2026-11-24,62,1,0.0,0.0,0.0,0.0,0.0,0.0,0.0"]
    );
}

#[tokio::test]
async fn tests_with_the_tcp_info_of_their_connections() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    let mut rows = answer(&lake, "q06_tests_with_final_tcp_info").await;
    rows.sort();
    let row = |n: u64| {
        let (speed, acked) = (10.0 * n as f64, 12_500_000 * n);
        let test = format!("{},2026-11-24,{speed:?},20.0,US,lga03", id(n));
        format!("{test},{acked},{},0,20000,30000,0", acked / 4)
    };
    assert_eq!(rows, [row(1), row(5)]);

    let windows = answer(&lake, "q08b_tests_with_congestion_window").await;
    assert_eq!(windows.len(), 2);
    assert!(windows.iter().all(|row| row.ends_with(",US,20000,80")), "{windows:?}");
    assert!(answer(&lake, "q08a_rtt_by_country_and_site").await.is_empty());
    let of_few = sql("q08a_rtt_by_country_and_site").replace("> 100", "> 0");
    assert_eq!(csv(&lake, &of_few).await, ["US,lga03,1,20.0,30.0,0.0"]);
}

#[tokio::test]
async fn snapshots_of_connections_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let lake = world(&directory).await;
    // Connection 1 has three, 5 none; 9 is of no country.
    let counts = ["0,1,50.0", "3,1,50.0"];
    assert_eq!(answer(&lake, "q07a_snapshots_per_connection").await, counts);
    assert_eq!(answer(&lake, "q07b_snapshots_per_connection").await, counts);
}
