//! What a multipath traceroute asks of the network.

use std::net::SocketAddr;
use std::time::Instant;

use crate::{OpenError, Reply, SendError, Target, WaitError};

/// One trace: a target with the flows towards it.  Never used twice by one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u64);

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// TTL or hop limit, from 1 on.
    pub ttl: u8,
    /// The flow: all its probes look alike to a load balancer.
    pub flow: u16,
    /// The caller's own number for it; on the wire it is a random nonce.
    pub id: u32,
}

/// What is known of a probe as soon as it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Source address (unspecified for raw ICMP), and source port (UDP, TCP) or echo
    /// identifier of the flow.
    pub source: SocketAddr,
    /// Just before the system call: wall clock, microseconds since the epoch.
    pub at_us: i64,
}

/// What happened to a probe.  Each has exactly one event, unless its trace is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It was answered.
    Reply(Box<Reply>),
    /// No answer has come within the timeout.  One that comes later is counted only.
    Lost {
        /// Of which trace.
        trace: TraceId,
        /// Which probe.
        probe: Probe,
    },
}

/// Sends probes and tells what came back; of real sockets ([`crate::Prober`]) or of a simulated
/// network.
pub trait Transport {
    /// Begins a trace.  Blocks for no longer than a route look-up.
    fn open(&mut self, target: Target) -> Result<TraceId, OpenError>;

    /// Sends one probe.  A flow lives from its first probe to the end of its trace.
    fn send(&mut self, trace: TraceId, probe: Probe) -> Result<Sent, SendError>;

    /// Ends a trace: its sockets are closed, and what was outstanding has no event.
    fn close(&mut self, trace: TraceId);

    /// Appends what has happened to `events`.  Returns at `until` at the latest, and
    /// otherwise as soon as there was anything to do, even if no event came of it.
    fn wait(&mut self, until: Instant, events: &mut Vec<Event>) -> Result<(), WaitError>;
}
