//! The result: a graph, with all that was sent to find it.

mod confidence;
mod diamond;
mod loss;

use std::net::IpAddr;
use std::time::Duration;

use crate::lattice::{Lattice, Outcome, Pair};
use crate::repeat::Balancing;
use crate::{End, Flow, MplsLabel, ProbeId, Purpose, ReplyKind, StopReason, Trace};
pub use diamond::Diamond;

/// What is known of the paths to a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// From time to live 1 on, without silent hops at the end.
    pub hops: Vec<Hop>,
    /// Between neighbouring hops; none where a per-packet balancer leaves two
    /// hops with several vertices each, since nothing tells which lead where.
    pub edges: Vec<Edge>,
    /// Where the paths part and come together.
    pub diamonds: Vec<Diamond>,
    /// All that was sent, in order; [`ProbeId`] is the index.
    pub probes: Vec<ProbeRecord>,
    /// Why it stopped; none while it runs.
    pub stop: Option<StopReason>,
    /// Whether the destination answered.
    pub reaches_destination: bool,
    /// Probability that nothing is missing, if all balancers are uniform: over
    /// the vertices that branch, and those that were not probed to the end.
    pub confidence: f64,
    /// The failure probability at which each vertex was probed.
    pub failure_probability: f64,
    /// How often the path changed; what was known beyond is of the last one.
    pub path_changes: u8,
    /// Answers to no probe, or to one that had its answer.
    pub ignored_replies: u32,
}

/// All that is at one time to live.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Time to live, from 1.
    pub ttl: u8,
    /// What is there; each address once.
    pub vertices: Vec<Vertex>,
    /// Probes sent there.
    pub probes: u32,
    /// Probes answered from there.
    pub replies: u32,
    /// The hop limits its answers: what it did not answer says nothing about
    /// the path.
    pub is_rate_limited: bool,
    /// Probes per second at which it was asked in the end.
    pub rate_per_s: f64,
    /// Share of unanswered probes; none if the hop limits its answers or never
    /// answers.
    pub loss: Option<f64>,
    /// Flows do not arrive at one vertex: a per-packet balancer is before.
    pub is_per_packet: bool,
}

/// An interface, or the silence behind one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vertex {
    /// None for what never answers.
    pub address: Option<IpAddr>,
    /// The flows that were seen here.
    pub flows: Vec<Flow>,
    /// Why no probe gets beyond, if none does.
    pub end: Option<End>,
    /// The MPLS labels of its first answer that had any.
    pub labels: Vec<MplsLabel>,
    /// It sends the packets of one flow several ways.
    pub is_per_packet_balancer: bool,
}

/// A link that flows were seen to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// Time to live of the hop that it leaves; 0 is the source.
    pub ttl: u8,
    /// Index of the vertex in that hop; 0 for the source.
    pub from: usize,
    /// Index of the vertex in the next hop.
    pub to: usize,
    /// The flows, in order.
    pub flows: Vec<Flow>,
}

/// A probe that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRecord {
    /// Its number.
    pub id: ProbeId,
    /// Time to live.
    pub ttl: u8,
    /// The flow it belongs to.
    pub flow: Flow,
    /// What it was sent for.
    pub purpose: Purpose,
    /// When it was sent, since the start of the trace.
    pub sent: Duration,
    /// It was taken for lost; an answer that came later still counted.
    pub was_lost: bool,
    /// The path changed after it was sent: its answer is not in the graph.
    pub is_outdated: bool,
    /// Its answer.
    pub reply: Option<ReplyRecord>,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyRecord {
    /// Who answered.
    pub from: IpAddr,
    /// With what.
    pub kind: ReplyKind,
    /// When it was told, since the start of the trace.
    pub received: Duration,
}

pub(crate) fn build(trace: &Trace) -> Path {
    let lattice = trace.lattice();
    let mut length = lattice.len();
    while length > 1 && lattice.hop(length - 1).is_silent() {
        length -= 1;
    }
    let pairs: Vec<Pair> = (0..length - 1).map(|ttl| Pair::of(lattice, ttl)).collect();
    let confidences = confidence::of_hops(trace, &pairs);
    let reaches = |vertex: &Vertex| vertex.end == Some(End::Destination);
    let hops: Vec<Hop> = (1..length).map(|ttl| hop(trace, ttl)).collect();
    Path {
        reaches_destination: hops.iter().flat_map(|hop| &hop.vertices).any(reaches),
        edges: (0..).zip(&pairs).flat_map(|(ttl, pair)| edges(lattice, ttl, pair)).collect(),
        diamonds: diamond::find(lattice, &pairs, &confidences),
        hops,
        probes: (0..trace.records().len()).map(|index| probe(trace, index)).collect(),
        stop: trace.stop_reason(),
        confidence: confidences.iter().product(),
        failure_probability: trace.failure_probability(),
        path_changes: trace.path_changes(),
        ignored_replies: trace.ignored_replies(),
    }
}

fn hop(trace: &Trace, ttl: usize) -> Hop {
    let lattice = trace.lattice();
    let hop = lattice.hop(ttl);
    let known = loss::of_hop(trace, ttl);
    let halvings = i32::from(hop.pace.level());
    Hop {
        ttl: ttl as u8,
        vertices: hop.present().map(|vertex| self::vertex(trace, ttl, vertex)).collect(),
        probes: known.probes,
        replies: known.replies,
        is_rate_limited: known.is_rate_limited,
        rate_per_s: f64::from(trace.rate_per_s()) / 2_f64.powi(halvings),
        loss: known.loss,
        is_per_packet: hop.is_unordered,
    }
}

fn vertex(trace: &Trace, ttl: usize, index: u16) -> Vertex {
    let lattice = trace.lattice();
    let vertex = &lattice.hop(ttl).vertices[usize::from(index)];
    let is_here = |flow: &u16| lattice.outcome(ttl, *flow) == Outcome::At(index);
    Vertex {
        address: vertex.address.map(|address| trace.address_of(address)),
        flows: (0..lattice.fresh()).filter(is_here).map(Flow).collect(),
        end: vertex.end,
        labels: vertex.labels.clone(),
        is_per_packet_balancer: matches!(vertex.balancing, Balancing::PerPacket),
    }
}

/// The edges between a hop and the next one.
fn edges(lattice: &Lattice, ttl: usize, pair: &Pair) -> Vec<Edge> {
    let here: Vec<u16> = lattice.hop(ttl).present().collect();
    let next: Vec<u16> = lattice.hop(ttl + 1).present().collect();
    let is_unordered = lattice.hop(ttl).is_unordered || lattice.hop(ttl + 1).is_unordered;
    let is_single = here.len() == 1 || next.len() == 1;
    let mut edges = Vec::new();
    for (from, &before) in here.iter().enumerate() {
        for (to, &after) in next.iter().enumerate() {
            let is_seen = pair.flows(before, after) > 0;
            // Without flows, a single vertex still says where it comes from.
            let is_implied = is_unordered && is_single && lattice.hop(ttl).is_live(before);
            if (is_seen && !is_unordered) || is_implied {
                let takes = |flow: &u16| {
                    !lattice.is_ended(ttl, *flow)
                        && lattice.place(ttl, *flow) == Some(before)
                        && lattice.outcome(ttl + 1, *flow) == Outcome::At(after)
                };
                let flows = (0..lattice.fresh()).filter(takes).map(Flow).collect();
                edges.push(Edge { ttl: ttl as u8, from, to, flows });
            }
        }
    }
    edges
}

fn probe(trace: &Trace, index: usize) -> ProbeRecord {
    let record = &trace.records()[index];
    let reply = record.reply().map(|(address, kind, received)| ReplyRecord {
        from: trace.address_of(address),
        kind,
        received,
    });
    ProbeRecord {
        id: ProbeId(index as u16),
        ttl: record.ttl,
        flow: Flow(record.flow),
        purpose: record.purpose,
        sent: record.sent(),
        was_lost: record.is_lost,
        is_outdated: record.epoch != trace.lattice().hop(usize::from(record.ttl)).epoch,
        reply,
    }
}
