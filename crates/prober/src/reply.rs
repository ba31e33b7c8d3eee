//! An answer to a probe.

use std::net::IpAddr;
use std::time::Duration;

use crate::packet::MplsLabel;
use crate::{Probe, TraceId};

/// An answer.  What the way by which it came does not show is `None`, never zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Of which trace.
    pub trace: TraceId,
    /// To which probe.
    pub probe: Probe,
    /// Who sent it.
    pub responder: IpAddr,
    /// What it says.
    pub kind: Kind,
    /// How it was matched to its probe.
    pub matched: Match,
    /// When.
    pub timing: Timing,
    /// Of the answer's own IP header.
    pub outer: Outer,
    /// Of the probe's IP header as it arrived at the responder; raw sockets only.
    pub quoted: Quoted,
    /// MPLS labels with which the probe arrived there, top first (RFC 4950).
    pub mpls: Vec<MplsLabel>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The TTL ended at the responder.
    TimeExceeded,
    /// ICMP destination unreachable.  From the target itself, with the code for ports
    /// (3, ICMPv6 4), this is how a UDP probe's arrival is told.
    Unreachable {
        /// ICMP code.
        code: u8,
    },
    /// Another ICMP error.
    OtherError {
        /// ICMP type.
        icmp_type: u8,
        /// ICMP code.
        code: u8,
    },
    /// The target itself answered: a UDP datagram, an echo reply, SYN-ACK or RST.
    Destination,
}

/// How an answer was matched to its probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Match {
    /// It quotes what only who saw the probe knows: the nonce, or for TCP the sequence
    /// number, which the kernel compares.
    Nonce,
    /// It quotes the flow only, and just one probe can be meant: no other of the flow
    /// was outstanding, or, for ICMP echo, none with that sequence number.
    PortOnly,
}

/// When a probe left and its answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The kernel's stamp as the probe was handed to the link: wall clock, ns since the epoch.
    pub transmitted_ns: Option<u64>,
    /// The kernel's stamp as the answer came from the link: wall clock, ns since the epoch.
    pub received_ns: Option<u64>,
    /// From before the send call until the answer was read, on the monotonic clock:
    /// the round trip and how late this program was.
    pub elapsed: Duration,
    /// The round trip between the stamps.
    pub rtt: Rtt,
}

/// A round trip between two stamps of the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtt {
    /// Measured by the kernel on both ends.
    Kernel(Duration),
    /// The wall clock was set in between, so that the stamps say nothing.
    ClockStepped,
    /// A stamp is missing: TCP's always, and on interfaces whose driver has none.
    Unstamped,
}

impl Rtt {
    /// The round trip, if it was measured.
    pub fn measured(self) -> Option<Duration> {
        match self {
            Self::Kernel(rtt) => Some(rtt),
            Self::ClockStepped | Self::Unstamped => None,
        }
    }
}

/// Of an answer's own IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outer {
    /// TTL or hop limit on arrival here.
    pub ttl: Option<u8>,
    /// TOS or traffic class.
    pub tos: Option<u8>,
    /// IPv4 identification; raw sockets only.
    pub ip_id: Option<u16>,
}

/// Of a probe's IP header in an ICMP error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quoted {
    /// TTL or hop limit on arrival at the responder.
    pub ttl: Option<u8>,
    /// TOS or traffic class.
    pub tos: Option<u8>,
    /// IPv4 identification.
    pub ip_id: Option<u16>,
}
