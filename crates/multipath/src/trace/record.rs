//! A probe as it is kept: small, since a station runs thousands of traces.

use std::time::Duration;

use crate::planner::Wanted;
use crate::{Purpose, ReplyKind};

/// A probe that was sent, and its answer.  Times are microseconds since the
/// start of the trace, for 71 minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    sent_us: u32,
    received_us: u32,
    pub(crate) flow: u16,
    /// See [`Wanted::vertex`].
    pub(crate) vertex: u16,
    responder: u16,
    kind: Option<ReplyKind>,
    pub(crate) ttl: u8,
    pub(crate) purpose: Purpose,
    /// How often the hop's rate was halved when it was sent.
    pub(crate) level: u8,
    /// How often the path had changed at the hop when it was sent.
    pub(crate) epoch: u8,
    /// It was taken for lost; an answer may have come since.
    pub(crate) is_lost: bool,
}

impl Record {
    pub(crate) fn new(wanted: Wanted, level: u8, epoch: u8, sent: Duration) -> Self {
        Self {
            sent_us: microseconds(sent),
            received_us: 0,
            flow: wanted.flow,
            vertex: wanted.vertex,
            responder: 0,
            kind: None,
            ttl: wanted.ttl,
            purpose: wanted.purpose,
            level,
            epoch,
            is_lost: false,
        }
    }

    pub(crate) fn answer(&mut self, responder: u16, kind: ReplyKind, received: Duration) {
        self.responder = responder;
        self.kind = Some(kind);
        self.received_us = microseconds(received);
    }

    pub(crate) fn is_answered(&self) -> bool {
        self.kind.is_some()
    }

    pub(crate) fn sent(&self) -> Duration {
        Duration::from_micros(u64::from(self.sent_us))
    }

    /// Number of the address, kind, and time of the answer.
    pub(crate) fn reply(&self) -> Option<(u16, ReplyKind, Duration)> {
        let received = Duration::from_micros(u64::from(self.received_us));
        self.kind.map(|kind| (self.responder, kind, received))
    }
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
