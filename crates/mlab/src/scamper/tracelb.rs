//! `tracelb`: all paths.
//!
//! A node has `links`, a list of hop sets: first what is one hop behind it, then,
//! only where that is silent, what is one hop further, up to the next interface
//! that answers.

use std::net::IpAddr;

use serde::Serialize;
use trigpoint_record::tables::traces::{self, Protocol, Run};

use super::{Extension, Start, Time, attempt, extensions, icmp, is_answered_by, rtt, source_port};

#[derive(Serialize)]
pub(super) struct Line {
    #[serde(rename = "type")]
    kind: &'static str,
    version: &'static str,
    userid: u32,
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<String>,
    dst: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sport: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dport: Option<u16>,
    start: Start,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_size: Option<u16>,
    firsthop: u8,
    attempts: u64,
    confidence: u8,
    tos: u8,
    gaplimit: u64,
    /// As M-Lab's reader calls `gaplimit`.
    gaplint: u64,
    wait_timeout: u64,
    wait_probe: u64,
    probec: usize,
    probec_max: u64,
    nodec: usize,
    linkc: usize,
    flow_is_test: bool,
    nodes: Vec<Node>,
}

/// The part of a trace that tells of its paths.
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    /// What its probes were.
    pub protocol: Protocol,
    /// Interfaces by time to live.
    pub nodes: &'a [traces::Node],
    /// Links between interfaces of neighbouring hops.
    pub links: &'a [traces::Link],
    /// All probes, in order.
    pub probes: &'a [traces::Probe],
}

/// An interface, and what is behind it.
#[derive(Debug, Serialize)]
pub struct Node {
    /// Its address; `*` for silence.
    pub addr: String,
    /// TTL of probes where it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q_ttl: Option<u8>,
    /// Links that leave it.
    pub linkc: usize,
    /// Hop sets: what is one hop behind it and, where that is silent, further.
    pub links: Vec<Vec<Place>>,
}

/// An interface in a hop set; silence has no probes.
#[derive(Debug, Serialize)]
pub struct Place {
    /// Its address; `*` for silence.
    pub addr: String,
    /// Those that it answered, and those on the way to it that nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<Vec<Probe>>,
}

/// A probe that was sent.
#[derive(Debug, Serialize)]
pub struct Probe {
    /// When it was sent.
    pub tx: Time,
    /// Number of answers.
    pub replyc: usize,
    /// Its time to live.
    pub ttl: u8,
    /// How often its flow had been sent to its hop before.
    pub attempt: usize,
    /// Its flow.
    pub flowid: u16,
    /// Its answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<Reply>,
}

/// The answer to a probe.
#[derive(Debug, Serialize)]
pub struct Reply {
    /// When it came.
    pub rx: Time,
    /// Its TTL on its arrival.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// Round trip in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipid: Option<u16>,
    /// ICMP type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// ICMP code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_code: Option<u8>,
    /// TOS of the probe where the answer was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_q_tos: Option<u8>,
    /// TTL of the probe there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_q_ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmpext: Option<Vec<Extension>>,
}

pub(super) fn line(target: IpAddr, run: &Run) -> Line {
    let graph =
        Graph { protocol: run.protocol, nodes: &run.nodes, links: &run.links, probes: &run.probes };
    let nodes = graph.scamper_nodes();
    Line {
        kind: "tracelb",
        version: "0.1",
        userid: 0,
        method: match run.protocol {
            Protocol::Udp => "udp-sport",
            Protocol::Icmp => "icmp-echo",
            Protocol::Tcp => "tcp-sport",
        },
        src: run.source.map(|source| source.to_canonical().to_string()),
        dst: target.to_canonical().to_string(),
        sport: source_port(run),
        dport: run.destination_port,
        start: Start::of(run.start_time),
        probe_size: run.probe_bytes,
        firsthop: 1,
        attempts: run.limits.attempts,
        // In whole percent, and never more than was asked for.
        confidence: (100.0 - 100.0 * run.failure_probability + 1e-9) as u8,
        tos: 0,
        gaplimit: run.limits.gap_limit,
        gaplint: run.limits.gap_limit,
        wait_timeout: run.limits.reply_timeout_ms.div_ceil(1000),
        // No time lies between probes by rule.
        wait_probe: 0,
        probec: run.probes.len(),
        probec_max: run.limits.max_probes,
        nodec: graph.nodes.iter().filter(|node| has_node(node)).count(),
        linkc: nodes.iter().map(|node| node.linkc).sum(),
        flow_is_test: false,
        nodes,
    }
}

/// Silence has no node of its own but where there is nothing before it.
fn has_node(node: &traces::Node) -> bool {
    node.ip.is_some() || node.ttl == 1
}

impl Graph<'_> {
    /// What scamper writes as `nodes` of a `tracelb`.
    pub fn scamper_nodes(&self) -> Vec<Node> {
        self.nodes
            .iter()
            .filter(|node| has_node(node))
            .filter_map(|node| self::node(self, node))
            .collect()
    }
}

/// A node that something is behind.
fn node(graph: &Graph<'_>, node: &traces::Node) -> Option<Node> {
    let mut beyond: Vec<_> = links_from(graph, node).collect();
    let linkc = beyond.len();
    let mut links = Vec::new();
    while !beyond.is_empty() {
        let hop: Vec<_> = graph.nodes.iter().filter(|to| beyond.iter().any(leads(to))).collect();
        links.push(hop.iter().map(|to| place(graph, &beyond, to)).collect());
        let silent = hop.iter().filter(|to| to.ip.is_none());
        beyond = silent.flat_map(|silence| links_from(graph, silence)).collect();
    }
    let answer = graph.probes.iter().find(|probe| is_answered_by(probe, node));
    let q_ttl = answer.and_then(|probe| probe.reply.as_ref()?.quoted_ttl);
    (linkc > 0).then(|| Node { addr: address(node), q_ttl, linkc, links })
}

fn links_from<'a>(
    graph: &Graph<'a>,
    node: &traces::Node,
) -> impl Iterator<Item = &'a traces::Link> + use<'a> {
    let place = (node.ttl, node.node);
    graph.links.iter().filter(move |link| (link.ttl, link.from_node) == place)
}

fn leads(to: &traces::Node) -> impl Fn(&&traces::Link) -> bool + use<'_> {
    |link| (link.ttl + 1, link.to_node) == (to.ttl, to.node)
}

/// An interface, with those probes of the flows on `links` that it answered or
/// nobody did.
fn place(graph: &Graph<'_>, links: &[&traces::Link], node: &traces::Node) -> Place {
    let links: Vec<_> = links.iter().copied().filter(|link| leads(node)(link)).collect();
    // Behind a per-packet balancer no flow has a way of its own.
    let any = links.iter().all(|link| link.flows.is_empty());
    let is_here = |probe: &&traces::Probe| {
        let is_of_flow = any || links.iter().any(|link| link.flows.contains(&probe.flow));
        let is_lost = !any && probe.reply.is_none() && probe.ttl == node.ttl && !probe.is_outdated;
        is_of_flow && (is_lost || is_answered_by(probe, node))
    };
    let probes = graph.probes.iter().filter(is_here).map(|probe| self::probe(graph, node, probe));
    Place { addr: address(node), probes: node.ip.is_some().then(|| probes.collect()) }
}

fn probe(graph: &Graph<'_>, node: &traces::Node, probe: &traces::Probe) -> Probe {
    let replies: Vec<_> =
        probe.reply.iter().map(|reply| self::reply(graph, node, probe, reply)).collect();
    Probe {
        tx: Time::of(probe.sent_time),
        replyc: replies.len(),
        ttl: probe.ttl,
        attempt: attempt(graph.probes, probe),
        flowid: probe.flow,
        replies,
    }
}

fn reply(
    graph: &Graph<'_>,
    node: &traces::Node,
    probe: &traces::Probe,
    reply: &traces::Reply,
) -> Reply {
    let round_trip_us = match reply.rtt {
        traces::Rtt::Kernel(microseconds) => microseconds,
        traces::Rtt::ClockStepped | traces::Rtt::Unstamped => reply.elapsed_us,
    };
    let (icmp_type, icmp_code) = icmp(graph.protocol, reply).unzip();
    Reply {
        rx: Time::of(probe.sent_time.saturating_add_unsigned(round_trip_us)),
        ttl: reply.ttl,
        rtt: rtt(reply),
        ipid: reply.ip_id,
        icmp_type,
        icmp_code,
        icmp_q_tos: reply.quoted_tos,
        icmp_q_ttl: reply.quoted_ttl,
        icmpext: extensions(graph.probes, node, probe),
    }
}

fn address(node: &traces::Node) -> String {
    node.ip.map_or_else(|| "*".to_owned(), |ip| ip.to_canonical().to_string())
}
