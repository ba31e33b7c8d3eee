//! A trace in the JSON of scamper, the tool behind M-Lab's traceroutes: lines
//! `cycle-start`, `tracelb` (all paths) or `trace` (one path), `cycle-stop`.
//!
//! Source: scamper 20211212, `scamper_tracelb_json.c`, `scamper_trace_json.c`,
//! `scamper_cyclemon.c`; m-lab/traceroute-caller, `parser/scamper1.go` and
//! `parser/scamper2.go`, whose readers ignore keys that they do not know.
//!
//! What was not seen has no key, as in scamper's own output where it receives by
//! error queues.  Ours beside scamper's keys: `flow_is_test`, always false, since
//! no probe belonged to a connection of the host that was traced.

use std::net::IpAddr;

use serde::Serialize;
use trigpoint_record::tables::traces::{Algorithm, Answer, Node, Probe, Protocol, Reply, Rtt, Run};

mod trace;
mod tracelb;

pub use tracelb::{
    Graph, Node as ScamperNode, Place, Probe as ScamperProbe, Reply as ScamperReply,
};

const MICROSECONDS_PER_S: i64 = 1_000_000;

/// The lines of a file with one trace to `target`, made on the host that is
/// called `hostname`.
pub fn scamper(target: IpAddr, run: &Run, hostname: &str) -> String {
    let cycle = |kind, time: i64| Cycle {
        kind,
        list_name: "default",
        id: 0,
        hostname,
        start_time: (kind == "cycle-start").then_some(time / MICROSECONDS_PER_S),
        stop_time: (kind == "cycle-stop").then_some(time / MICROSECONDS_PER_S),
    };
    let result = match run.algorithm {
        Algorithm::Mda | Algorithm::MdaLite => json(&tracelb::line(target, run)),
        Algorithm::Paris => json(&trace::line(target, run)),
    };
    let start = json(&cycle("cycle-start", run.start_time));
    let stop = json(&cycle("cycle-stop", run.end_time));
    format!("{start}\n{result}\n{stop}\n")
}

/// The line that M-Lab's traceroute-caller writes before those of scamper: for
/// which connection the trace was made, and which earlier one's it repeats.
pub fn scamper_metadata(uuid: &str, cached_uuid: Option<&str>, version: &str) -> String {
    json(&Metadata {
        uuid,
        traceroute_caller_version: version,
        cached_result: cached_uuid.is_some(),
        cached_uuid: cached_uuid.unwrap_or_default(),
    }) + "\n"
}

fn json(line: &impl Serialize) -> String {
    // Serialising fails only for keys that are not strings.
    serde_json::to_string(line).unwrap_or_default()
}

/// `tracer.Metadata`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(rename = "UUID")]
    uuid: &'a str,
    traceroute_caller_version: &'a str,
    cached_result: bool,
    #[serde(rename = "CachedUUID")]
    cached_uuid: &'a str,
}

#[derive(Serialize)]
struct Cycle<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    list_name: &'static str,
    id: u32,
    hostname: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_time: Option<i64>,
}

/// A moment of the wall clock.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Time {
    /// Seconds since the Unix epoch.
    pub sec: i64,
    /// Microseconds within the second.
    pub usec: i64,
}

impl Time {
    fn of(microseconds: i64) -> Self {
        Self {
            sec: microseconds.div_euclid(MICROSECONDS_PER_S),
            usec: microseconds.rem_euclid(MICROSECONDS_PER_S),
        }
    }
}

/// A moment with its text, which scamper writes in local time and we in UTC.
#[derive(Serialize)]
struct Start {
    #[serde(flatten)]
    time: Time,
    ftime: String,
}

impl Start {
    fn of(microseconds: i64) -> Self {
        let time = chrono::DateTime::from_timestamp_micros(microseconds).unwrap_or_default();
        Self { time: Time::of(microseconds), ftime: time.format("%Y-%m-%d %H:%M:%S").to_string() }
    }
}

/// An extension of ICMP: an MPLS label stack (RFC 4950).
#[derive(Debug, Serialize)]
struct Extension {
    ie_cn: u8,
    ie_ct: u8,
    ie_dl: usize,
    mpls_labels: Vec<Label>,
}

#[derive(Debug, Serialize)]
struct Label {
    #[serde(rename = "mpls_ttl")]
    ttl: u32,
    #[serde(rename = "mpls_s")]
    bottom_of_stack: u32,
    #[serde(rename = "mpls_exp")]
    traffic_class: u32,
    #[serde(rename = "mpls_label")]
    value: u32,
}

/// The extensions of the probe's answer.  Of each interface one stack is known,
/// that of its first answer that had one, and is told with its first answer.
fn extensions(probes: &[Probe], node: &Node, probe: &Probe) -> Option<Vec<Extension>> {
    let mut answers = probes.iter().filter(|other| is_answered_by(other, node));
    let is_first = answers.next().is_some_and(|first| std::ptr::eq(first, probe));
    (is_first && !node.mpls.is_empty()).then(|| {
        let labels = node.mpls.iter().map(|entry| Label {
            ttl: entry & 0xff,
            bottom_of_stack: entry >> 8 & 1,
            traffic_class: entry >> 9 & 7,
            value: entry >> 12,
        });
        let mpls_labels: Vec<_> = labels.collect();
        vec![Extension { ie_cn: 1, ie_ct: 1, ie_dl: 4 * mpls_labels.len(), mpls_labels }]
    })
}

/// Whether the interface answered the probe, as far as the graph knows.
fn is_answered_by(probe: &Probe, node: &Node) -> bool {
    let responder = probe.reply.as_ref().map(|reply| reply.ip);
    probe.ttl == node.ttl && !probe.is_outdated && responder.is_some() && responder == node.ip
}

/// How often the probe's flow had been sent to its hop before.
fn attempt(probes: &[Probe], probe: &Probe) -> usize {
    let same = |other: &&Probe| (other.ttl, other.flow) == (probe.ttl, probe.flow);
    probes.iter().take_while(|other| !std::ptr::eq(*other, probe)).filter(same).count()
}

/// Type and code of an ICMP answer.
fn icmp(protocol: Protocol, reply: &Reply) -> Option<(u8, u8)> {
    let is_v4 = reply.ip.to_canonical().is_ipv4();
    match reply.answer {
        Answer::TimeExceeded => Some((if is_v4 { 11 } else { 3 }, 0)),
        Answer::Unreachable(code) => Some((if is_v4 { 3 } else { 1 }, code)),
        Answer::OtherError(icmp_type, code) => Some((icmp_type, code)),
        Answer::Target if protocol == Protocol::Icmp => Some((if is_v4 { 0 } else { 129 }, 0)),
        Answer::Target => None,
    }
}

/// In milliseconds.
fn rtt(reply: &Reply) -> Option<f64> {
    match reply.rtt {
        Rtt::Kernel(microseconds) => Some(microseconds as f64 / 1e3),
        Rtt::ClockStepped | Rtt::Unstamped => None,
    }
}

/// Source port of the first flow; of ICMP there is none.
fn source_port(run: &Run) -> Option<u16> {
    let ports = run.protocol != Protocol::Icmp;
    run.probes.iter().find_map(|probe| probe.source_port).filter(|_| ports)
}

#[cfg(test)]
mod tests;
