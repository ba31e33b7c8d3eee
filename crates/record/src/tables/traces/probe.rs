//! The probes of a trace, each with its answer.

use std::net::IpAddr;

use super::path::TARGET;
use super::words::{Match, Purpose};
use crate::cell::Cell;
use crate::{Kind, Value};

/// A probe that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Time to live.
    pub ttl: u8,
    /// Number of the flow it belongs to.
    pub flow: u16,
    /// What it was sent for.
    pub purpose: Purpose,
    /// Source port of its flow, or the identifier of its echo requests.
    pub source_port: Option<u16>,
    /// When it was sent, microseconds since the Unix epoch.
    pub sent_time: i64,
    /// It was taken for lost; an answer that came later still counted.
    pub was_lost: bool,
    /// The path changed after it was sent.
    pub is_outdated: bool,
    /// Its answer.
    pub reply: Option<Reply>,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Who answered.
    pub ip: IpAddr,
    /// With what.
    pub answer: Answer,
    /// How it was matched to its probe.
    pub matched: Match,
    /// Between the kernel's stamps.
    pub rtt: Rtt,
    /// From before the send call until the answer was read, monotonic.
    pub elapsed_us: u64,
    /// TTL or hop limit of the answer on its arrival.
    pub ttl: Option<u8>,
    /// TOS or traffic class of the answer.
    pub tos: Option<u8>,
    /// IPv4 identification of the answer.
    pub ip_id: Option<u16>,
    /// TTL or hop limit of the probe where the answer was made.
    pub quoted_ttl: Option<u8>,
    /// TOS or traffic class of the probe there.
    pub quoted_tos: Option<u8>,
    /// IPv4 identification of the probe there.
    pub quoted_ip_id: Option<u16>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// ICMP time exceeded.
    TimeExceeded,
    /// ICMP destination unreachable with this code.
    Unreachable(u8),
    /// Another ICMP error: type and code.
    OtherError(u8, u8),
    /// The target itself: a datagram, an echo reply, SYN-ACK or RST.
    Target,
}

/// A round trip between two stamps of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtt {
    /// Microseconds.
    Kernel(u64),
    /// The wall clock was set in between.
    ClockStepped,
    /// A stamp is missing.
    Unstamped,
}

pub(super) const CELLS: &[Cell<Probe>; 21] = &[
    Cell::new(1, "ttl", Kind::Int, "", "Time to live.", |row| u16::from(row.ttl).into()),
    Cell::new(
        2,
        "flow",
        Kind::Int,
        "",
        "Number of the flow it belongs to, from 0: all probes of a flow look alike to a balancer.",
        |row| row.flow.into(),
    ),
    Cell::new(
        3,
        "purpose",
        Kind::Text,
        "",
        "What it was sent for: discovery, per_packet_test (sent again, to find balancers that do not go by flow), path_check (sent again, to find a change of the path).",
        |row| row.purpose.name().into(),
    ),
    Cell::new(
        4,
        "source_port",
        Kind::Int,
        "",
        "Source port of its flow as its socket has it; for icmp the identifier.",
        |row| row.source_port.into(),
    ),
    Cell::new(5, "sent_time", Kind::Time, "us", "When it was sent.", |row| {
        Value::time(row.sent_time)
    }),
    Cell::new(
        6,
        "was_lost",
        Kind::Bool,
        "",
        "No answer came in time; one that came later still counted.",
        |row| Value::Bool(row.was_lost),
    ),
    Cell::new(
        7,
        "is_outdated",
        Kind::Bool,
        "",
        "The path changed after it was sent: its answer is not in the graph.",
        |row| Value::Bool(row.is_outdated),
    ),
    Cell::with_addresses_near(
        8,
        "reply_ip",
        Kind::Text,
        "",
        "Who answered; NULL, as all that follows, without an answer.",
        TARGET,
        |row| row.reply(|reply| Value::ip(reply.ip)),
    ),
    Cell::new(
        9,
        "reply",
        Kind::Text,
        "",
        "What the answer says: time_exceeded, unreachable, other_error (all ICMP), target (the client itself: a datagram, an echo reply, SYN-ACK or RST).",
        |row| row.reply(|reply| reply.answer.name().into()),
    ),
    Cell::new(
        10,
        "icmp_type",
        Kind::Int,
        "",
        "ICMP type of another error; of time_exceeded and unreachable the family gives it.",
        |row| {
            row.reply(|reply| match reply.answer {
                Answer::OtherError(icmp_type, _) => u16::from(icmp_type).into(),
                _ => Value::Null,
            })
        },
    ),
    Cell::new(
        11,
        "icmp_code",
        Kind::Int,
        "",
        "ICMP code; NULL of time_exceeded, where it is 0, and of target.",
        |row| {
            row.reply(|reply| match reply.answer {
                Answer::Unreachable(code) | Answer::OtherError(_, code) => u16::from(code).into(),
                Answer::TimeExceeded | Answer::Target => Value::Null,
            })
        },
    ),
    Cell::new(
        12,
        "match",
        Kind::Text,
        "",
        "How the answer was matched: nonce (it quotes the probe's random number), port_only (it quotes too little; one probe of its flow was outstanding).",
        |row| row.reply(|reply| reply.matched.name().into()),
    ),
    Cell::new(
        13,
        "rtt_us",
        Kind::Int,
        "us",
        "Round trip between the kernel's stamps; NULL where rtt_from is not kernel.",
        |row| {
            row.reply(|reply| match reply.rtt {
                Rtt::Kernel(microseconds) => microseconds.into(),
                Rtt::ClockStepped | Rtt::Unstamped => Value::Null,
            })
        },
    ),
    Cell::new(
        14,
        "rtt_from",
        Kind::Text,
        "",
        "Where rtt_us comes from: kernel, clock_stepped (the wall clock was set in between), unstamped (a stamp is missing).",
        |row| row.reply(|reply| reply.rtt.name().into()),
    ),
    Cell::new(
        15,
        "reply_elapsed_us",
        Kind::Int,
        "us",
        "From before the send call until the answer was read, by the monotonic clock: the round trip and how late the program was.",
        |row| row.reply(|reply| reply.elapsed_us.into()),
    ),
    Cell::new(
        16,
        "reply_ttl",
        Kind::Int,
        "",
        "TTL or hop limit of the answer on its arrival: 64, 128 or 255 minus the way back.",
        |row| row.reply(|reply| reply.ttl.map(u16::from).into()),
    ),
    Cell::new(17, "reply_tos", Kind::Int, "", "TOS or traffic class of the answer.", |row| {
        row.reply(|reply| reply.tos.map(u16::from).into())
    }),
    Cell::new(
        18,
        "reply_ip_id",
        Kind::Int,
        "",
        "IPv4 identification of the answer; raw sockets only.",
        |row| row.reply(|reply| reply.ip_id.into()),
    ),
    Cell::new(
        19,
        "quoted_ttl",
        Kind::Int,
        "",
        "TTL or hop limit of the probe where the answer was made; raw sockets only.",
        |row| row.reply(|reply| reply.quoted_ttl.map(u16::from).into()),
    ),
    Cell::new(
        20,
        "quoted_tos",
        Kind::Int,
        "",
        "TOS or traffic class of the probe there; raw sockets only.",
        |row| row.reply(|reply| reply.quoted_tos.map(u16::from).into()),
    ),
    Cell::new(
        21,
        "quoted_ip_id",
        Kind::Int,
        "",
        "IPv4 identification of the probe there; raw sockets only.",
        |row| row.reply(|reply| reply.quoted_ip_id.into()),
    ),
];

impl Probe {
    fn reply(&self, value: impl FnOnce(&Reply) -> Value) -> Value {
        self.reply.as_ref().map_or(Value::Null, value)
    }
}

impl Answer {
    const fn name(self) -> &'static str {
        match self {
            Self::TimeExceeded => "time_exceeded",
            Self::Unreachable(_) => "unreachable",
            Self::OtherError(..) => "other_error",
            Self::Target => "target",
        }
    }
}

impl Rtt {
    const fn name(self) -> &'static str {
        match self {
            Self::Kernel(_) => "kernel",
            Self::ClockStepped => "clock_stepped",
            Self::Unstamped => "unstamped",
        }
    }
}
