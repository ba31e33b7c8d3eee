//! What goes out and what comes back.

use std::net::IpAddr;

/// A flow: probes of the same number look the same to every balancer.  The
/// numbers are dense from 0; the sender maps them to ports or checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow(pub u16);

/// A probe's number within its trace, dense from 0 in the order of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u16);

/// A probe to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Its number, by which its answer is told.
    pub id: ProbeId,
    /// Time to live, from 1.
    pub ttl: u8,
    /// The flow it belongs to.
    pub flow: Flow,
}

/// What a probe is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To learn where a flow is at a hop.
    Discovery,
    /// Sent again, to learn whether a balancer sends one flow one way.
    PerPacketTest,
    /// Sent again, to learn whether the path is still what it was.
    PathCheck,
}

/// An answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who answered.
    pub from: IpAddr,
    /// With what.
    pub kind: ReplyKind,
    /// The label stack that the answer quotes (RFC 4950), outermost first.
    pub labels: Vec<MplsLabel>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyKind {
    /// The probe's time to live ended here.
    TimeExceeded,
    /// The probe reached its destination (port unreachable, echo reply, SYN-ACK
    /// or RST).
    Destination,
    /// The probe will not get further: the code of Destination Unreachable.
    Unreachable(u8),
}

/// An entry of an MPLS label stack (RFC 3032).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MplsLabel {
    /// 20 bits.
    pub label: u32,
    /// Traffic class, 3 bits.
    pub traffic_class: u8,
    /// Whether it is the last of its stack.
    pub is_bottom: bool,
    /// Time to live.
    pub ttl: u8,
}
