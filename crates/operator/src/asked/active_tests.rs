//! Whether somebody measures at a station now.

use k8s_openapi::api::core::v1::Pod;

use super::metrics;
use crate::render::SERVER_ADMIN_PORT;

const METRIC: &str = "trigpoint_active_tests";

/// Whether a test runs at one of these stations.  One that cannot be asked keeps nobody
/// waiting: what is wrong with it, a test finds out.
pub(crate) async fn any<'a>(stations: impl Iterator<Item = &'a Pod>) -> bool {
    let answers = stations.map(|station| metrics::of(station, SERVER_ADMIN_PORT));
    let answers = futures::future::join_all(answers).await;
    answers.iter().flatten().any(|text| is_busy(text))
}

fn is_busy(text: &str) -> bool {
    metrics::figure(text, METRIC).is_some_and(|tests| tests > 0.0)
}

#[cfg(test)]
mod tests {
    use super::is_busy;

    #[test]
    fn a_station_with_a_test_is_busy_and_one_that_does_not_say_is_not() {
        assert!(is_busy("# TYPE trigpoint_active_tests gauge\ntrigpoint_active_tests 1\n"));
        assert!(!is_busy("trigpoint_active_tests 0\ntrigpoint_open_connections 1\n"));
        assert!(!is_busy("trigpoint_active_tests_of_another 1\n"));
    }
}
