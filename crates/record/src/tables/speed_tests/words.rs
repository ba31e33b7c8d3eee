//! The words that a test's row is written in.

/// Which way the data went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Server to client.
    Download,
    /// Client to server.
    Upload,
}

/// What carried the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket over TCP.
    Ws,
    /// WebSocket over TLS over TCP.
    Wss,
}

/// Why a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// It ran for its full time and was closed by the server.
    Completed,
    /// The client asked to end after 250 MB, and they had been acknowledged.
    EarlyExit,
    /// The client closed, or ended its sending, before the full time.
    ClientClosed,
    /// The connection broke: a reset, or no acknowledgement any more.
    ConnectionLost,
    /// The protocol's longest time was over before the connection had closed.
    TimedOut,
    /// The client broke the protocol.
    ProtocolError,
    /// The station stopped before the test had ended.
    StationStopped,
    /// The station could not go on.
    InternalError,
}

/// Doc of the column that holds an [`EndReason`].
pub(super) const END_REASONS: &str = "Why the test ended: completed (full time, closed by the server), early_exit (asked for by the client), client_closed (before the full time), connection_lost (reset or vanished), timed_out (not closed within the protocol's longest time), protocol_error, station_stopped, internal_error.";

impl Direction {
    /// The word in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

impl Transport {
    /// The word in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

impl EndReason {
    /// The word in the row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::EarlyExit => "early_exit",
            Self::ClientClosed => "client_closed",
            Self::ConnectionLost => "connection_lost",
            Self::TimedOut => "timed_out",
            Self::ProtocolError => "protocol_error",
            Self::StationStopped => "station_stopped",
            Self::InternalError => "internal_error",
        }
    }
}
