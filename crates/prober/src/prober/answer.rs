//! From a message of the kernel to an answer.

use std::net::IpAddr;

use super::ledger::Clue;
use crate::packet::{Control, MplsLabel, Nonce, Origin, Payload, Quote, mpls_labels};
use crate::{Family, Kind, Outer, Quoted};

/// An answer to a probe of a flow that is known, and of which probe is not yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) clue: Clue,
    pub(super) responder: IpAddr,
    pub(super) kind: Kind,
    pub(super) received_ns: Option<u64>,
    pub(super) outer: Outer,
    pub(super) quoted: Quoted,
    pub(super) mpls: Vec<MplsLabel>,
}

/// What an entry of an error queue is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// An answer.
    Answer(Answer),
    /// The stamp of a probe that left.
    Transmitted(Nonce, Option<u64>),
    /// Neither.
    Unusable,
}

/// Where an error queue's data begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteFrom {
    /// Behind the quoted UDP header.
    Payload,
    /// At the quoted echo request's header.
    EchoHeader,
    /// At the quoted TCP header, whose sequence number the kernel has compared.
    TcpHeader,
}

/// Type, code, checksum, identifier, sequence number.
pub(super) const ECHO_HEADER_BYTES: usize = 8;

impl QuoteFrom {
    fn clue(self, data: &[u8]) -> Clue {
        match self {
            Self::Payload => Payload::nonce(data).map_or(Clue::Nothing, Clue::Nonce),
            Self::EchoHeader => match data.split_at_checked(ECHO_HEADER_BYTES) {
                Some((header, payload)) => {
                    let sequence = u16::from_be_bytes([header[6], header[7]]);
                    Payload::nonce(payload).map_or(Clue::Sequence(sequence), Clue::Nonce)
                }
                None => Clue::Nothing,
            },
            Self::TcpHeader => Clue::Compared,
        }
    }
}

/// Reads an entry of an error queue.
pub(super) fn from_error_queue(
    data: &[u8],
    control: &Control,
    quote: QuoteFrom,
    payload: &Payload,
) -> Entry {
    let Some(error) = control.error else { return Entry::Unusable };
    let family = match error.origin {
        Origin::Icmp => Family::V4,
        Origin::Icmpv6 => Family::V6,
        Origin::Timestamping => {
            return match payload.nonce_at_end(data) {
                Some(nonce) => Entry::Transmitted(nonce, control.stamp_ns),
                None => Entry::Unusable,
            };
        }
        Origin::Local | Origin::Other(_) => return Entry::Unusable,
    };
    let Some(responder) = error.offender else { return Entry::Unusable };
    let at = error.extension_at.map(usize::from);
    let (quoted, extension) = match at.and_then(|at| data.split_at_checked(at)) {
        Some((quoted, extension)) => (quoted, mpls_labels(extension)),
        None => (data, Vec::new()),
    };
    Entry::Answer(Answer {
        clue: quote.clue(quoted),
        responder: responder.to_canonical(),
        kind: Kind::of_icmp(family, error.icmp_type, error.icmp_code),
        received_ns: control.stamp_ns,
        outer: Outer { ttl: control.ttl, tos: control.tos, ip_id: None },
        quoted: Quoted::default(),
        mpls: extension,
    })
}

/// Reads what came to a datagram socket: the target's own answer.
pub(super) fn from_target(
    data: &[u8],
    control: &Control,
    quote: QuoteFrom,
    target: IpAddr,
) -> Entry {
    let answer = match quote {
        // A service says what it likes; an echo service says the nonce.
        QuoteFrom::Payload | QuoteFrom::TcpHeader => {
            let clue = Payload::nonce(data).map_or(Clue::Nothing, Clue::Perhaps);
            Answer::of_target(target, clue)
        }
        QuoteFrom::EchoHeader => match data.split_at_checked(ECHO_HEADER_BYTES) {
            Some((header, payload)) if ECHO_REPLIES.contains(&header[0]) => {
                Answer::of_echo(target, u16::from_be_bytes([header[6], header[7]]), payload)
            }
            _ => return Entry::Unusable,
        },
    };
    let outer = Outer { ttl: control.ttl, tos: control.tos, ip_id: None };
    Entry::Answer(Answer { received_ns: control.stamp_ns, outer, ..answer })
}

/// Types of ICMP and ICMPv6.
const ECHO_REPLIES: [u8; 2] = [0, 129];

impl Answer {
    /// From the target, without anything about the packet that brought it.
    fn of_target(target: IpAddr, clue: Clue) -> Self {
        Self {
            clue,
            responder: target,
            kind: Kind::Destination,
            received_ns: None,
            outer: Outer::default(),
            quoted: Quoted::default(),
            mpls: Vec::new(),
        }
    }

    /// An echo reply.
    pub(super) fn of_echo(target: IpAddr, sequence: u16, payload: &[u8]) -> Self {
        let clue = Payload::nonce(payload).map_or(Clue::Sequence(sequence), Clue::Nonce);
        Self::of_target(target, clue)
    }

    /// SYN-ACK or RST: the kernel keeps the packet and tells the outcome.
    pub(super) fn of_handshake(target: IpAddr) -> Self {
        Self::of_target(target, Clue::Compared)
    }
}

/// Reads an ICMP error that a raw socket saw.
pub(super) fn from_raw(
    icmp: (u8, u8),
    quote: Quote<'_>,
    responder: IpAddr,
    outer: Outer,
    received_ns: Option<u64>,
) -> Answer {
    let family = Family::of(responder);
    let from = match quote.ip.protocol {
        PROTOCOL_UDP => QuoteFrom::Payload,
        PROTOCOL_TCP => QuoteFrom::TcpHeader,
        _ => QuoteFrom::EchoHeader,
    };
    let data = match from {
        QuoteFrom::Payload => quote.transport.get(UDP_HEADER_BYTES..).unwrap_or_default(),
        QuoteFrom::EchoHeader | QuoteFrom::TcpHeader => quote.transport,
    };
    let clue = match from.clue(data) {
        // This was in front of the kernel's comparison.
        Clue::Compared => Clue::Nothing,
        clue => clue,
    };
    Answer {
        clue,
        responder,
        kind: Kind::of_icmp(family, icmp.0, icmp.1),
        received_ns,
        outer,
        quoted: Quoted { ttl: Some(quote.ip.ttl), tos: Some(quote.ip.tos), ip_id: quote.ip.id },
        mpls: quote.mpls,
    }
}

pub(super) const PROTOCOL_TCP: u8 = 6;
pub(super) const PROTOCOL_UDP: u8 = 17;
const UDP_HEADER_BYTES: usize = 8;

impl Kind {
    fn of_icmp(family: Family, icmp_type: u8, code: u8) -> Self {
        match (family, icmp_type) {
            (Family::V4, 11) | (Family::V6, 3) => Self::TimeExceeded,
            (Family::V4, 3) | (Family::V6, 1) => Self::Unreachable { code },
            _ => Self::OtherError { icmp_type, code },
        }
    }
}
