//! Lines of the event socket: a TCP connection was opened or closed.
//!
//! Source: m-lab/tcp-info, `eventsocket/server.go` (`FlowEvent`),
//! `eventsocket/client.go`, and `inetdiag/structs.go` (`SockID`).  Each line is
//! one JSON object with `Event`, `Timestamp`, `UUID` and `ID`.  Go's decoder
//! ignores keys that it does not know, whatever their case, so ours are beside
//! them: `Stream`, `Sequence`, `Replay` and `TestID`; and `ID` is in Close too.

use std::net::{IpAddr, SocketAddr};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use trigpoint_record::FlowId;

/// Bytes of the longest line that is read.  Ours have some 300; M-Lab's reader
/// takes 65,535 (Go's `bufio.Scanner`).
pub const MAX_LINE_BYTES: usize = 4096;
/// Bytes of the longest `TestID`.
pub const MAX_TEST_ID_BYTES: usize = 512;
/// The last microsecond of the year 9999: what RFC 3339 can write.
const LAST_TIME_US: i64 = 253_402_300_799_999_999;

/// A connection was opened or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowEvent {
    /// Which of both.
    pub kind: EventKind,
    /// When, microseconds since the Unix epoch.
    pub time: i64,
    /// The connection.
    pub flow_id: FlowId,
    /// Its addresses; M-Lab's server leaves them out of Close.
    pub socket: Option<SockId>,
    /// Where the line stands among all; M-Lab's server does not say.
    pub position: Option<Position>,
    /// It was told before; said again to a reader that has just connected.
    pub is_replay: bool,
    /// The test that the connection carried, as far as that is known.
    pub test_id: Option<String>,
}

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// It was seen for the first time.
    Open,
    /// It is gone.
    Close,
}

/// A socket: its addresses and what the kernel calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockId {
    /// This host's end; IPv4 also where the kernel maps it into IPv6.
    pub local: SocketAddr,
    /// The peer's end; IPv4 also where the kernel maps it into IPv6.
    pub remote: SocketAddr,
    /// Index of the interface that the socket is bound to; 0 for none.
    pub interface: u32,
    /// `SO_COOKIE`.
    pub cookie: u64,
}

/// Where a line stands among all lines of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The server: when it started, microseconds since the Unix epoch.
    pub stream: u64,
    /// Counts the events of the server from 1 on.  A number that is missing is
    /// an event that the reader was not told.
    pub sequence: u64,
}

/// Why a line is no event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowEventError {
    /// It is longer than [`MAX_LINE_BYTES`].
    #[error("event line has {0} bytes, the limit is {MAX_LINE_BYTES}")]
    TooLong(usize),
    /// It is not JSON, not an object, or a known key is missing or has a value
    /// of another type.
    #[error("event line does not parse: {0}")]
    Json(#[source] serde_json::Error),
    /// Neither Open nor Close.
    #[error("event line has event {0}, which is neither 0 (open) nor 1 (close)")]
    UnknownEvent(i64),
    /// A key has a value that its type allows and its meaning does not.
    #[error("event line has no valid {0}")]
    Invalid(&'static str),
}

/// The line as JSON has it, with Go's types.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    event: i64,
    timestamp: String,
    #[serde(rename = "UUID")]
    uuid: String,
    #[serde(rename = "ID", default)]
    id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stream: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    replay: bool,
    #[serde(rename = "TestID", default, skip_serializing_if = "Option::is_none")]
    test_id: Option<String>,
}

/// `inetdiag.SockID`.
#[derive(Serialize, Deserialize)]
struct Id {
    #[serde(rename = "SPort")]
    source_port: u16,
    #[serde(rename = "DPort")]
    destination_port: u16,
    #[serde(rename = "SrcIP")]
    source: IpAddr,
    #[serde(rename = "DstIP")]
    destination: IpAddr,
    #[serde(rename = "Interface")]
    interface: u32,
    /// "Actually a uint64, but using int64 for compatibility with BigQuery".
    #[serde(rename = "Cookie")]
    cookie: i64,
}

impl FlowEvent {
    /// Reads one line, without its end.
    pub fn parse(line: &str) -> Result<Self, FlowEventError> {
        if line.len() > MAX_LINE_BYTES {
            return Err(FlowEventError::TooLong(line.len()));
        }
        let line: Line = serde_json::from_str(line).map_err(FlowEventError::Json)?;
        let position = match (line.stream, line.sequence) {
            (Some(stream), Some(sequence)) => Some(Position { stream, sequence }),
            (None, None) => None,
            _ => return Err(FlowEventError::Invalid("Stream with its Sequence")),
        };
        let is_test_id = |id: &String| {
            (1..=MAX_TEST_ID_BYTES).contains(&id.len()) && !id.contains(char::is_control)
        };
        if !line.test_id.iter().all(is_test_id) {
            return Err(FlowEventError::Invalid("TestID"));
        }
        Ok(Self {
            kind: EventKind::of(line.event)?,
            time: time(&line.timestamp).ok_or(FlowEventError::Invalid("Timestamp"))?,
            flow_id: FlowId::parse(&line.uuid).ok_or(FlowEventError::Invalid("UUID"))?,
            socket: line.id.map(SockId::from),
            position,
            is_replay: line.replay,
            test_id: line.test_id,
        })
    }

    /// The line, without its end.
    pub fn to_json(&self) -> String {
        let line = Line {
            event: self.kind.number(),
            timestamp: DateTime::<Utc>::from_timestamp_micros(self.time)
                .unwrap_or_default()
                .to_rfc3339_opts(SecondsFormat::Micros, true),
            uuid: self.flow_id.as_str().to_owned(),
            id: self.socket.map(Id::from),
            stream: self.position.map(|position| position.stream),
            sequence: self.position.map(|position| position.sequence),
            replay: self.is_replay,
            test_id: self.test_id.clone(),
        };
        // Serialising fails only for keys that are not strings.
        serde_json::to_string(&line).unwrap_or_default()
    }
}

fn time(timestamp: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(timestamp).ok()?.timestamp_micros();
    (0..=LAST_TIME_US).contains(&time).then_some(time)
}

impl EventKind {
    fn of(number: i64) -> Result<Self, FlowEventError> {
        match number {
            0 => Ok(Self::Open),
            1 => Ok(Self::Close),
            other => Err(FlowEventError::UnknownEvent(other)),
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Open => 0,
            Self::Close => 1,
        }
    }
}

impl From<Id> for SockId {
    fn from(id: Id) -> Self {
        Self {
            local: SocketAddr::new(id.source.to_canonical(), id.source_port),
            remote: SocketAddr::new(id.destination.to_canonical(), id.destination_port),
            interface: id.interface,
            cookie: id.cookie.cast_unsigned(),
        }
    }
}

impl From<SockId> for Id {
    fn from(socket: SockId) -> Self {
        Self {
            source_port: socket.local.port(),
            destination_port: socket.remote.port(),
            source: socket.local.ip().to_canonical(),
            destination: socket.remote.ip().to_canonical(),
            interface: socket.interface,
            cookie: socket.cookie.cast_signed(),
        }
    }
}

#[cfg(test)]
mod tests;
