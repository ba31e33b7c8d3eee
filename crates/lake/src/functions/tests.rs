use arrow::array::AsArray as _;
use arrow::datatypes::Float64Type;
use datafusion::execution::context::SessionContext;

use super::*;

/// The one value of an answer, as text; NULL is empty.
async fn value(sql: &str) -> String {
    let context = SessionContext::new();
    register(&context).unwrap();
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let column = batches.iter().find(|batch| batch.num_rows() > 0).unwrap().column(0);
    arrow::util::display::array_value_to_string(column, 0).unwrap()
}

async fn error(sql: &str) -> String {
    let context = SessionContext::new();
    register(&context).unwrap();
    let frame = context.sql(sql).await.unwrap();
    frame.collect().await.unwrap_err().find_root().to_string()
}

/// Computed with Python 3's `ipaddress`.
#[tokio::test]
async fn addresses_and_prefixes() {
    for (sql, expected) in [
        ("net_ip_from_string('192.0.2.77')", "c000024d"),
        ("net_ip_from_string('2001:db8::1')", "20010db8000000000000000000000001"),
        ("net_safe_ip_from_string('192.0.2')", ""),
        ("net_safe_ip_from_string(NULL)", ""),
        ("net_ip_to_string(net_ip_trunc(net_ip_from_string('192.0.2.77'), 24))", "192.0.2.0"),
        ("net_ip_to_string(net_ip_trunc(net_ip_from_string('192.0.2.77'), 26))", "192.0.2.64"),
        ("net_ip_to_string(net_ip_trunc(net_ip_from_string('192.0.2.77'), 0))", "0.0.0.0"),
        ("net_ip_to_string(net_ip_trunc(net_ip_from_string('192.0.2.77'), 32))", "192.0.2.77"),
        (
            "net_ip_to_string(net_ip_trunc(net_ip_from_string('2001:db8:ffff:ffff::1'), 45))",
            "2001:db8:fff8::",
        ),
        ("net_ip_to_string(net_ip_net_mask(4, 20))", "255.255.240.0"),
        ("net_ip_to_string(net_ip_net_mask(16, 65))", "ffff:ffff:ffff:ffff:8000::"),
        (
            "net.ip_trunc(net.safe_ip_from_string('172.31.5.6'), 12) = net.ip_from_string('172.16.0.0')",
            "true",
        ),
        ("net_ip_trunc(net_safe_ip_from_string('x'), 12) = net_ip_from_string('172.16.0.0')", ""),
    ] {
        let sql = format!("SELECT {sql}");
        assert_eq!(value(&sql).await, expected, "{sql}");
    }
    let wrong = error("SELECT net_ip_from_string('192.0.2') FROM generate_series(1, 2)").await;
    assert!(wrong.contains("`192.0.2` is no IP address"), "{wrong}");
    let wrong = error("SELECT net_ip_trunc(net_ip_from_string('192.0.2.1'), 33)").await;
    assert!(wrong.contains("0 to 32 bits, and not 33"), "{wrong}");
}

#[tokio::test]
async fn indexes_count_from_0_or_from_1() {
    for (sql, expected) in [
        ("[10, 20, 30][offset(0)]", "10"),
        ("[10, 20, 30][OFFSET(2)]", "30"),
        ("[10, 20, 30][ordinal(3)]", "30"),
        ("[10, 20, 30][SAFE_OFFSET(3)]", ""),
        ("[10, 20, 30][SAFE_ORDINAL(0)]", ""),
        ("[10, 20, 30][offset(-2)]", ""),
        ("[10, 20, 30][offset(NULL)]", ""),
    ] {
        assert_eq!(value(&format!("SELECT {sql}")).await, expected, "{sql}");
    }
}

#[tokio::test]
async fn divisions_and_counts() {
    for (sql, expected) in [
        ("SELECT safe_divide(7, 2)", "3.5"),
        ("SELECT safe_divide(7, 0)", ""),
        ("SELECT safe_divide(NULL, 2)", ""),
        ("SELECT countif(value > 7) FROM generate_series(1, 10)", "3"),
        ("SELECT countif(value > 7) FROM generate_series(1, 10) WHERE value > 10", "0"),
        (
            "SELECT countif(CASE WHEN value > 7 THEN NULL ELSE value > 5 END) FROM generate_series(1, 10)",
            "2",
        ),
        (
            "SELECT max(n) FROM (SELECT countif(value % 2 = 0) OVER (ORDER BY value ROWS 3 PRECEDING) AS n FROM generate_series(1, 10))",
            "2",
        ),
    ] {
        assert_eq!(value(sql).await, expected, "{sql}");
    }
}

/// Computed with Python 3's `statistics.geometric_mean` and `math.log10`.
#[tokio::test]
async fn logarithmic_means_and_buckets() {
    let mean: f64 =
        value("SELECT geometric_mean(value) FROM generate_series(1, 10)").await.parse().unwrap();
    assert!((mean - 4.528_728_688_116_765).abs() < 1e-12, "{mean}");
    for (sql, expected) in [
        ("SELECT geometric_mean(value) FROM generate_series(0, 3)", "0.0"),
        ("SELECT geometric_mean(value) FROM generate_series(-3, 3)", ""),
        ("SELECT geometric_mean(NULL)", ""),
        ("SELECT log_bucket(12, 0.5)", "1.0"),
        ("SELECT log_bucket(5.63, 0.5)", "1.0"),
        ("SELECT log_bucket(5.62, 0.5)", "0.5"),
        ("SELECT log_bucket(1.0, 0.5)", "0.0"),
        ("SELECT log_bucket(0.99, 0.5)", "0.0"),
        ("SELECT log_bucket(0, 0.5)", ""),
        ("SELECT log_bucket(-1, 0.5)", ""),
        ("SELECT count(DISTINCT log_bucket(v, 0.5)) FROM (VALUES (0.99), (1.01)) AS t (v)", "1"),
    ] {
        assert_eq!(value(sql).await, expected, "{sql}");
    }
}

/// Of the numbers 1 to n the q-quantile is nq, so that its rank can be read off.
#[tokio::test]
async fn quantiles_are_within_half_a_percent_of_their_ranks() {
    for (rows, shuffled) in [(7_u32, "value"), (1000, "value"), (200_000, "value * 7919 % 200001")]
    {
        let context = SessionContext::new();
        register(&context).unwrap();
        let sql = format!(
            "SELECT unnest(approx_quantiles({shuffled}, 100)) AS q FROM generate_series(1, {rows})"
        );
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        let quantiles: Vec<f64> = batches
            .iter()
            .flat_map(|it| it.column(0).as_primitive::<Float64Type>().values().to_vec())
            .collect();
        assert_eq!(quantiles.len(), 101);
        assert_eq!((quantiles[0], quantiles[100]), (1.0, f64::from(rows)));
        for (percent, quantile) in quantiles.iter().enumerate() {
            let rank = f64::from(rows) * percent as f64 / 100.0;
            let allowed = (f64::from(rows) * 0.005).max(1.0);
            assert!((quantile - rank).abs() <= allowed, "{percent} % of {rows}: {quantile}");
        }
    }
    let nothing = "SELECT approx_quantiles(value, 4) FROM generate_series(1, 3) WHERE value > 3";
    assert_eq!(value(nothing).await, "");
    let wrong = error("SELECT approx_quantiles(value, 0) FROM generate_series(1, 3)").await;
    assert!(wrong.contains("wants a number from 1 to"), "{wrong}");
}
