//! The measurement message: one JSON object in a text frame.
//!
//! M-Lab's clients decode it into Go structs, and a number outside of its Go
//! type ends the client's test. The types here are Go's: an "unlimited" rate
//! of `u64::MAX` is `-1`, and segment counters wrap at 2^31.

mod tcp_info;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Direction;
pub use tcp_info::TcpInfo;

/// Bytes of the longest message that is parsed. Clients' messages have some
/// hundred bytes, a server's about 1,400.
pub const MAX_MESSAGE_BYTES: usize = 1 << 16;

/// A measurement, sent by either side at its own pace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Measurement {
    /// The connection and its identity; from servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_info: Option<ConnectionInfo>,
    /// What BBR knows; zeros when the connection runs another algorithm.
    #[serde(rename = "BBRInfo", skip_serializing_if = "Option::is_none")]
    pub bbr_info: Option<BbrInfo>,
    /// What TCP knows.
    #[serde(rename = "TCPInfo", skip_serializing_if = "Option::is_none")]
    pub tcp_info: Option<TcpInfo>,
    /// What the application counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_info: Option<AppInfo>,
    /// Which side measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The subtest it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Direction>,
    /// Keys this version does not know.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The connection as the server sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ConnectionInfo {
    /// The client's `address:port`; IPv6 in brackets, mapped IPv4 as IPv4.
    pub client: String,
    /// The server's `address:port`.
    pub server: String,
    /// The flow's identity, `<prefix>_<socket cookie>`.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// When the test started, RFC 3339 with nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
}

/// The state of BBR (`struct tcp_bbr_info`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct BbrInfo {
    /// Estimated bandwidth, bytes per second.
    #[serde(rename = "BW")]
    pub bandwidth: i64,
    /// Minimum round-trip time, microseconds.
    #[serde(rename = "MinRTT")]
    pub min_rtt: u32,
    /// Pacing gain, times 256.
    pub pacing_gain: u32,
    /// Congestion-window gain, times 256.
    pub cwnd_gain: u32,
    /// Microseconds since the test started.
    pub elapsed_time: i64,
}

/// What the application counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AppInfo {
    /// Microseconds since the test started.
    pub elapsed_time: i64,
    /// Payload bytes sent or received since then.
    pub num_bytes: i64,
}

/// Which side measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// Keys that this version has no field for: those of newer peers when a
/// message is read, newer kernel fields when one is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Extra(BTreeMap<String, Value>);

impl Extra {
    /// Adds an integer under a key.
    pub fn insert(&mut self, key: &str, value: i64) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// The keys in order, each with its value as JSON text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.to_string()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a text message is no measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// It is longer than [`MAX_MESSAGE_BYTES`].
    #[error("measurement message has {0} bytes, the limit is {MAX_MESSAGE_BYTES}")]
    TooLong(usize),
    /// It is not JSON, not an object, or a known key has a value of another type.
    #[error("measurement message does not parse")]
    Json(#[source] serde_json::Error),
}

impl Measurement {
    /// Reads a peer's message. Unknown keys are kept, missing ones are `None`
    /// or, inside the objects, zero as in Go.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        if text.len() > MAX_MESSAGE_BYTES {
            return Err(MessageError::TooLong(text.len()));
        }
        serde_json::from_str(text).map_err(MessageError::Json)
    }

    /// The message as it is sent.
    pub fn to_json(&self) -> String {
        // Serialising fails only for keys that are not strings.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
