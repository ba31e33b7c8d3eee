//! `trace`: one path, as Paris traceroute finds it.

use std::net::IpAddr;

use serde::Serialize;
use trigpoint_record::tables::traces::{self, BranchEnd, Protocol, Run, StopReason};

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
    stop_reason: &'static str,
    stop_data: u8,
    start: Start,
    hop_count: usize,
    attempts: u64,
    hoplimit: u64,
    firsthop: u8,
    wait: u64,
    wait_probe: u64,
    tos: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_size: Option<u16>,
    probe_count: usize,
    flow_is_test: bool,
    hops: Vec<Hop>,
}

/// An answer.
#[derive(Serialize)]
struct Hop {
    addr: String,
    probe_ttl: u8,
    probe_id: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_size: Option<u16>,
    tx: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    rtt: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_tos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_ipid: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_type: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_code: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_q_ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_q_tos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmpext: Option<Vec<Extension>>,
}

pub(super) fn line(target: IpAddr, run: &Run) -> Line {
    let (stop_reason, stop_data) = stop(run);
    Line {
        kind: "trace",
        version: "0.1",
        userid: 0,
        method: match run.protocol {
            Protocol::Udp => "udp-paris",
            Protocol::Icmp => "icmp-echo-paris",
            Protocol::Tcp => "tcp",
        },
        src: run.source.map(|source| source.to_canonical().to_string()),
        dst: target.to_canonical().to_string(),
        sport: source_port(run),
        dport: run.destination_port,
        stop_reason,
        stop_data,
        start: Start::of(run.start_time),
        hop_count: run.hops.len(),
        attempts: run.limits.attempts,
        hoplimit: run.limits.max_ttl,
        firsthop: 1,
        wait: run.limits.reply_timeout_ms.div_ceil(1000),
        // No time lies between probes by rule.
        wait_probe: 0,
        tos: 0,
        probe_size: run.probe_bytes,
        probe_count: run.probes.len(),
        flow_is_test: false,
        hops: run.nodes.iter().flat_map(|node| hops(run, node)).collect(),
    }
}

fn hops<'a>(run: &'a Run, node: &'a traces::Node) -> impl Iterator<Item = Hop> + 'a {
    let answered = run.probes.iter().filter(|probe| is_answered_by(probe, node));
    answered.filter_map(|probe| Some(hop(run, node, probe, probe.reply.as_ref()?)))
}

fn hop(run: &Run, node: &traces::Node, probe: &traces::Probe, reply: &traces::Reply) -> Hop {
    let (icmp_type, icmp_code) = icmp(run.protocol, reply).unzip();
    Hop {
        addr: reply.ip.to_canonical().to_string(),
        probe_ttl: probe.ttl,
        // scamper counts from 1 here.
        probe_id: attempt(&run.probes, probe) + 1,
        probe_size: run.probe_bytes,
        tx: Time::of(probe.sent_time),
        rtt: rtt(reply),
        reply_ttl: reply.ttl,
        reply_tos: reply.tos,
        reply_ipid: reply.ip_id,
        icmp_type,
        icmp_code,
        icmp_q_ttl: reply.quoted_ttl,
        icmp_q_tos: reply.quoted_tos,
        icmpext: extensions(&run.probes, node, probe),
    }
}

/// In scamper's words, with the code of Destination Unreachable.
fn stop(run: &Run) -> (&'static str, u8) {
    let code = || {
        run.nodes.iter().find_map(|node| match node.end {
            Some(BranchEnd::Unreachable(code)) => Some(code),
            _ => None,
        })
    };
    match run.stop_reason {
        Some(StopReason::Completed) => ("COMPLETED", 0),
        Some(StopReason::Unreachable) => ("UNREACH", code().unwrap_or(0)),
        Some(StopReason::Loop) => ("LOOP", 0),
        Some(StopReason::GapLimit) => ("GAPLIMIT", 0),
        Some(StopReason::HopLimit) => ("HOPLIMIT", 0),
        // Budgets that scamper has not, and a trace that was interrupted.
        Some(StopReason::ProbeBudget | StopReason::TimeBudget | StopReason::Unstable) | None => {
            ("HALTED", 0)
        }
    }
}
