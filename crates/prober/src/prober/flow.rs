//! A flow: what sends its probes, and which are under way.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::event::epoll::EventData;
use socket2::Socket;

use super::datagram::UdpLink;
use super::echo::PingLink;
use super::ledger::Ledger;
use super::raw::RawEcho;
use super::syn::TcpLink;
use crate::{Method, Target, TraceId};

/// Names a flow's socket to the kernel; never used twice by one prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FlowKey(pub(super) u64);

impl FlowKey {
    pub(super) const WAKER: Self = Self(0);
    pub(super) const RAW_V4: Self = Self(1);
    pub(super) const RAW_V6: Self = Self(2);
    pub(super) const LAST_RESERVED: u64 = 2;

    pub(super) fn data(self) -> EventData {
        EventData::new_u64(self.0)
    }
}

#[derive(Debug)]
pub(super) struct Flow {
    pub(super) trace: TraceId,
    pub(super) target: Target,
    pub(super) link: Link,
    pub(super) ledger: Ledger,
}

impl Flow {
    pub(super) fn new(trace: TraceId, target: Target, link: Link) -> Self {
        Self { trace, target, link, ledger: Ledger::default() }
    }
}

/// What sends a flow's probes.
#[derive(Debug)]
pub(super) enum Link {
    Udp(UdpLink),
    Ping(PingLink),
    Tcp(TcpLink),
    Raw(RawEcho),
}

impl Link {
    /// Opens a flow towards a target.  With `raw` ICMP errors come by a raw socket, and
    /// not by this one's error queue.
    pub(super) fn open(target: Target, raw: bool) -> io::Result<Self> {
        match target.method {
            Method::Udp { port } => {
                UdpLink::open(SocketAddr::new(target.address, port), raw).map(Self::Udp)
            }
            Method::Icmp => PingLink::open(target.address).map(Self::Ping),
            Method::Tcp { port } => {
                Ok(Self::Tcp(TcpLink::new(SocketAddr::new(target.address, port), raw)))
            }
        }
    }

    /// The socket that it keeps for its whole life.
    pub(super) fn datagram_socket(&self) -> Option<&Socket> {
        match self {
            Self::Udp(link) => Some(&link.socket),
            Self::Ping(link) => Some(&link.socket),
            Self::Tcp(_) | Self::Raw(_) => None,
        }
    }

    /// A probe is decided: closes a TCP attempt, so that nothing more of it is sent.
    pub(super) fn end_attempt(&mut self) {
        if let Self::Tcp(link) = self {
            link.socket = None;
        }
    }

    /// How long its probes are waited for.
    pub(super) fn timeout(&self, timeout: Duration) -> Duration {
        match self {
            Self::Tcp(_) => timeout.min(TcpLink::TIMEOUT),
            _ => timeout,
        }
    }
}

/// The sum of what a flow's probes carry, which their checksum follows: one for each of
/// the first 65,534 flows.
pub(super) fn sum(flow: u16) -> u16 {
    1 + flow % (u16::MAX - 1)
}
