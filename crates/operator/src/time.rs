//! Moments, as the API server and as the planner have them.

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time as ApiTime;
use k8s_openapi::jiff::Timestamp;
use trigpoint_rollout::Time;

pub(crate) fn from_api(time: &ApiTime) -> Time {
    DateTime::from_timestamp_micros(time.0.as_microsecond()).unwrap_or_default()
}

/// In whole seconds, as the API server keeps them: what is read again is then
/// what was written, and no status differs by what is lost on the way.
pub(crate) fn to_api(time: Time) -> ApiTime {
    ApiTime(Timestamp::from_second(time.timestamp()).unwrap_or_default())
}

/// With all digits, for annotations and the ledger.
pub(crate) fn to_text(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

pub(crate) fn from_text(text: &str) -> Option<Time> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_its_text_whole_and_the_api_in_seconds() {
        let time = from_text("2026-11-27T08:00:00.123456Z").unwrap();
        assert_eq!(from_text(&to_text(time)), Some(time));
        assert_eq!(to_text(from_api(&to_api(time))), "2026-11-27T08:00:00.000000Z");
    }
}
