//! The graph that a trace found.

use std::net::IpAddr;

use crate::cell::Cell;
use crate::{Column, Kind, Value};

/// The column whose client the addresses of routers may be near to.
pub(super) const TARGET: &str = "target_ip";

/// All that is at one time to live.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Time to live, from 1.
    pub ttl: u8,
    /// Probes sent there.
    pub probes: u64,
    /// Probes answered from there.
    pub replies: u64,
    /// It limits its answers.
    pub is_rate_limited: bool,
    /// Probes per second at which it was asked in the end.
    pub probes_per_s: f64,
    /// Share of unanswered probes.
    pub loss: Option<f64>,
    /// A per-packet balancer is before it.
    pub is_per_packet: bool,
}

/// An interface, or the silence behind one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Time to live, from 1.
    pub ttl: u8,
    /// Number in its hop, from 0.
    pub node: u64,
    /// None for what never answers.
    pub ip: Option<IpAddr>,
    /// The flows that were seen here.
    pub flows: Vec<u16>,
    /// Why no probe gets beyond.
    pub end: Option<BranchEnd>,
    /// Entries of the MPLS label stack with which probes arrived, outermost first.
    pub mpls: Vec<u32>,
    /// It sends the packets of one flow several ways.
    pub is_per_packet_balancer: bool,
}

/// Why no probe gets beyond a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BranchEnd {
    /// It is the target.
    Target,
    /// It answered with this code of Destination Unreachable.
    Unreachable(u8),
    /// The flow was there two or more hops before.
    Loop,
    /// As many silent hops in a row as the gap limit allows.
    Silence,
}

/// A link that flows were seen to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Time to live of the hop that it leaves; 0 is the station.
    pub ttl: u8,
    /// Number of the node in that hop; 0 for the station.
    pub from_node: u64,
    /// Number of the node in the next hop.
    pub to_node: u64,
    /// The flows, in order.
    pub flows: Vec<u16>,
}

/// From a hop with one node, over hops with several, to the next with one.
#[derive(Debug, Clone, PartialEq)]
pub struct Diamond {
    /// Time to live of the hop where the paths part; 0 is the station.
    pub divergence_ttl: u8,
    /// Time to live of the hop where they are together again.
    pub convergence_ttl: Option<u8>,
    /// Nodes of its widest hop.
    pub width: u64,
    /// Links from divergence to convergence.
    pub length: u64,
    /// Some node has more neighbours than its hop's width needs.
    pub is_meshed: bool,
    /// The largest difference of numbers of neighbours within a hop.
    pub width_asymmetry: u64,
    /// It was explored node by node.
    pub has_node_control: bool,
    /// Packets of one flow take several ways through it.
    pub is_per_packet: bool,
    /// Probability that nothing of it is missing.
    pub confidence: f64,
}

const FLOW: Column = Column::new(1, "item", Kind::Int, "", "Number of a flow, from 0.");
const LABEL: Column = Column::new(
    1,
    "item",
    Kind::Int,
    "",
    "A label stack entry, 32 bits: label, traffic class (3), bottom of stack (1), time to live (8).",
);

fn flows(flows: &[u16]) -> Value {
    Value::List(flows.iter().map(|flow| (*flow).into()).collect())
}

fn ttl(ttl: u8) -> Value {
    u16::from(ttl).into()
}

pub(super) const HOP: &[Cell<Hop>; 7] = &[
    Cell::new(1, "ttl", Kind::Int, "", "Time to live, from 1.", |row| ttl(row.ttl)),
    Cell::new(2, "probes", Kind::Int, "count", "Probes sent there.", |row| row.probes.into()),
    Cell::new(3, "replies", Kind::Int, "count", "Probes answered from there.", |row| {
        row.replies.into()
    }),
    Cell::new(
        4,
        "is_rate_limited",
        Kind::Bool,
        "",
        "The hop limits its answers: what it did not answer says nothing about the path.",
        |row| Value::Bool(row.is_rate_limited),
    ),
    Cell::new(
        5,
        "probes_per_s",
        Kind::Float,
        "probes/s",
        "Rate at which the hop was asked in the end.",
        |row| row.probes_per_s.into(),
    ),
    Cell::new(
        6,
        "loss_share",
        Kind::Float,
        "",
        "Share of unanswered probes, 0 to 1; NULL where the hop limits its answers or never answers.",
        |row| row.loss.into(),
    ),
    Cell::new(
        7,
        "is_per_packet",
        Kind::Bool,
        "",
        "Flows do not arrive at one interface: a per-packet balancer is before.",
        |row| Value::Bool(row.is_per_packet),
    ),
];

pub(super) const NODE: &[Cell<Node>; 8] = &[
    Cell::new(1, "ttl", Kind::Int, "", "Time to live, from 1.", |row| ttl(row.ttl)),
    Cell::new(2, "node", Kind::Int, "", "Number in its hop, from 0.", |row| row.node.into()),
    Cell::with_addresses_near(
        3,
        "ip",
        Kind::Text,
        "",
        "Address of the interface; NULL for what never answers.",
        TARGET,
        |row| row.ip.map_or(Value::Null, Value::ip),
    ),
    Cell::new(4, "flows", Kind::List(&FLOW), "", "Flows that were seen here.", |row| {
        flows(&row.flows)
    }),
    Cell::new(
        5,
        "branch_end",
        Kind::Text,
        "",
        "Why no probe gets beyond: target (it is the client), unreachable, loop, silence (the gap limit); NULL where one does.",
        |row| row.end.map(BranchEnd::name).into(),
    ),
    Cell::new(
        6,
        "unreachable_code",
        Kind::Int,
        "",
        "Code of its Destination Unreachable; only of branch_end unreachable.",
        |row| match row.end {
            Some(BranchEnd::Unreachable(code)) => u16::from(code).into(),
            _ => Value::Null,
        },
    ),
    Cell::new(
        7,
        "mpls_labels",
        Kind::List(&LABEL),
        "",
        "MPLS label stack with which probes arrived (RFC 4950), outermost first.",
        |row| Value::List(row.mpls.iter().map(|entry| (*entry).into()).collect()),
    ),
    Cell::new(
        8,
        "is_per_packet_balancer",
        Kind::Bool,
        "",
        "It sends the packets of one flow several ways.",
        |row| Value::Bool(row.is_per_packet_balancer),
    ),
];

pub(super) const LINK: &[Cell<Link>; 4] = &[
    Cell::new(
        1,
        "ttl",
        Kind::Int,
        "",
        "Time to live of the hop that it leaves; 0 is the station.",
        |row| ttl(row.ttl),
    ),
    Cell::new(
        2,
        "from_node",
        Kind::Int,
        "",
        "Number of the interface in that hop; 0 for the station.",
        |row| row.from_node.into(),
    ),
    Cell::new(3, "to_node", Kind::Int, "", "Number of the interface in the next hop.", |row| {
        row.to_node.into()
    }),
    Cell::new(4, "flows", Kind::List(&FLOW), "", "Flows that take it.", |row| flows(&row.flows)),
];

pub(super) const DIAMOND: &[Cell<Diamond>; 9] = &[
    Cell::new(
        1,
        "divergence_ttl",
        Kind::Int,
        "",
        "Time to live of the hop where the paths part; 0 is the station.",
        |row| ttl(row.divergence_ttl),
    ),
    Cell::new(
        2,
        "convergence_ttl",
        Kind::Int,
        "",
        "Time to live of the hop where they are together again; NULL if the trace ended before.",
        |row| row.convergence_ttl.map(u16::from).into(),
    ),
    Cell::new(3, "width", Kind::Int, "count", "Interfaces of its widest hop.", |row| {
        row.width.into()
    }),
    Cell::new(
        4,
        "length",
        Kind::Int,
        "count",
        "Links from divergence to convergence, or to the last hop known.",
        |row| row.length.into(),
    ),
    Cell::new(
        5,
        "is_meshed",
        Kind::Bool,
        "",
        "Some interface has more neighbours than its hop's width needs.",
        |row| Value::Bool(row.is_meshed),
    ),
    Cell::new(
        6,
        "width_asymmetry",
        Kind::Int,
        "count",
        "Largest difference of the numbers of successors, or predecessors, of the interfaces of a hop.",
        |row| row.width_asymmetry.into(),
    ),
    Cell::new(
        7,
        "has_node_control",
        Kind::Bool,
        "",
        "It was explored interface by interface: by mda, or because mda_lite found it meshed or asymmetric.",
        |row| Value::Bool(row.has_node_control),
    ),
    Cell::new(
        8,
        "is_per_packet",
        Kind::Bool,
        "",
        "Packets of one flow take several ways through it.",
        |row| Value::Bool(row.is_per_packet),
    ),
    Cell::new(
        9,
        "confidence",
        Kind::Float,
        "",
        "Probability that nothing of it is missing, 0 to 1, if its balancers are uniform.",
        |row| row.confidence.into(),
    ),
];

impl BranchEnd {
    const fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Unreachable(_) => "unreachable",
            Self::Loop => "loop",
            Self::Silence => "silence",
        }
    }
}
