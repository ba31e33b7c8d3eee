//! Durations as people write them: one number and one unit.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A duration such as `90s`, `15m`, `24h` or `500ms`.
///
/// Narrower than Go's syntax: what `duration()` of CEL takes in a rule is then
/// all that the pattern lets through, and there is one way to write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub std::time::Duration);

/// Text that is not one number and one unit.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("`{0}` is no duration: write at most six digits and ms, s, m or h, such as 90s")]
pub struct ParseDurationError(String);

impl Duration {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }
}

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseDurationError(text.to_owned());
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?;
        let (number, unit) = text.split_at(digits);
        if !(1..=6).contains(&number.len()) {
            return Err(refused());
        }
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(refused()),
        };
        let number: u64 = number.parse().map_err(|_| refused())?;
        Ok(Self(std::time::Duration::from_millis(number * milliseconds)))
    }
}

impl fmt::Display for Duration {
    /// In the largest unit that is exact.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_millis();
        match milliseconds {
            0 => write!(formatter, "0s"),
            ms if ms % 3_600_000 == 0 => write!(formatter, "{}h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(formatter, "{}m", ms / 60_000),
            ms if ms % 1_000 == 0 => write!(formatter, "{}s", ms / 1_000),
            ms => write!(formatter, "{ms}ms"),
        }
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

const PATTERN: &str = "^[0-9]{1,6}(ms|s|m|h)$";

/// A CEL rule over durations, which holds where one of them is not a duration:
/// the server evaluates rules beside the pattern, and would report a conversion
/// that failed as well.
pub(crate) fn rule(durations: &[&str], rule: &str) -> String {
    format!("[{}].exists(d, !d.matches('{PATTERN}')) || {rule}", durations.join(", "))
}

impl JsonSchema for Duration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 8,
            "pattern": PATTERN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["0s", "1ms", "1500ms", "90s", "15m", "24h", "999999h"] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.to_string(), text);
        }
        let same: Duration = "60s".parse().unwrap();
        assert_eq!(same.to_string(), "1m");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "5", "s", "1.5s", "-1s", "1h30m", "1d", "1000000s", "1 s", "１s"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
