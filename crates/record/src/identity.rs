//! The names by which rows refer to each other.

use std::fmt;

/// Version of the tables; additive changes only, so a reader of version n
/// understands every table of version n and later.
pub const SCHEMA_VERSION: u32 = 1;

/// What all flow ids of one boot of one host start with:
/// `<host or pod name>_<boot time, seconds since the Unix epoch>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FlowIdPrefix(String);

/// Name of one TCP connection, the same as M-Lab's UUID:
/// `<prefix>_<16 upper-case hex digits of the socket's cookie>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(String);

/// Name of a row of `traces`: `<flow id>_<when it was decided, microseconds
/// since the Unix epoch>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(String);

/// Random name of a spool, stored in it: the stream's name for exactly-once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpoolId(String);

impl FlowIdPrefix {
    /// The prefix of a host that booted `boot_time_s` seconds after the Unix epoch.
    pub fn new(host: &str, boot_time_s: u64) -> Self {
        Self(format!("{host}_{boot_time_s}"))
    }

    /// The id of the flow whose socket has this cookie (`SO_COOKIE`).
    pub fn flow_id(&self, cookie: u64) -> FlowId {
        FlowId(format!("{}_{cookie:016X}", self.0))
    }
}

impl SpoolId {
    /// Accepts 1 to 64 letters, digits, `-` and `_`: it becomes part of
    /// transaction names and file names.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FlowId {
    /// Accepts the form of M-Lab's UUIDs, at most 512 bytes: anything that can
    /// be printed, then `_` and 16 upper-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let (prefix, cookie) = text.rsplit_once('_')?;
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        let is_cookie = cookie.len() == 16 && cookie.bytes().all(hex);
        let is_prefix = !prefix.is_empty() && !prefix.contains(char::is_control);
        (is_cookie && is_prefix && text.len() <= 512).then(|| Self(text.to_owned()))
    }

    /// The name of a trace that this flow is the cause of, decided on
    /// `time_us` microseconds after the Unix epoch.
    pub fn trace_id(&self, time_us: i64) -> TraceId {
        TraceId(format!("{}_{time_us}", self.0))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TraceId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for SpoolId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for FlowIdPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
