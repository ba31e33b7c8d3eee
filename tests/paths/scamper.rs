//! The same networks by Debian's scamper: `tracelb`, as root.
//!
//! Source: scamper(1); `scamper_tracelb_json.c` of version 20211212.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::lab::{Plan, Routers};
use trigpoint_testkit::run;

/// It sends a probe in 150 ms at the fastest that it takes.
const DEADLINE: Duration = Duration::from_mins(10);

/// What a trace came to.
pub(crate) struct Seen {
    pub(crate) target: IpAddr,
    pub(crate) graph: Plan,
    pub(crate) probes: u64,
    /// From its start to the last packet of it.
    pub(crate) elapsed: Duration,
}

/// Traces to each of `targets` at once, each vertex at so many percent.
pub(crate) fn scamper(network: &Routers, confidence: u8, targets: &[IpAddr]) -> Vec<Seen> {
    // Over IPv6 it knows a probe by its UDP checksum, which the kernel leaves to the
    // interface, and a cable of the lab leaves it as it is.
    network.source().execute("ethtool", "-K e0-1 tx off");
    let mut scamper = network.source().command("scamper");
    scamper.args(["-O", "json", "-o", "-", "-p", "10000", "-c"]);
    scamper.arg(format!("tracelb -c {confidence} -W 15")).arg("-i");
    scamper.args(targets.iter().map(IpAddr::to_string));
    let finished = run(&mut scamper, DEADLINE);
    finished.expect_code(0);
    let lines = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    let traces = lines.filter(|line: &Value| line["type"] == "tracelb");
    let seen: Vec<Seen> = traces.map(|trace| seen(&trace)).collect();
    assert_eq!(seen.len(), targets.len(), "{finished:?}");
    seen
}

fn seen(trace: &Value) -> Seen {
    let mut graph = Plan::default();
    let mut flows: BTreeMap<(u64, u8), IpAddr> = BTreeMap::new();
    let start = time(&trace["start"]);
    let mut last = start;
    for node in list(&trace["nodes"]) {
        let from = address(&node);
        // The sets of hops up to the next node that all flows cross.
        for (distance, hop) in list(&node["links"]).iter().enumerate() {
            for link in list(hop) {
                let answering = address(&link);
                for probe in list(&link["probes"]) {
                    let ttl = probe["ttl"].as_u64().unwrap() as u8;
                    last = last.max(time(&probe["tx"]));
                    for reply in list(&probe["replies"]) {
                        last = last.max(time(&reply["rx"]));
                    }
                    let Some(to) = answering else { continue };
                    flows.insert((probe["flowid"].as_u64().unwrap(), ttl), to);
                    if let Some(from) = from.filter(|_| distance == 0) {
                        graph.vertices.insert((ttl - 1, from));
                        graph.edges.insert((ttl - 1, from, to));
                    }
                }
            }
        }
    }
    for ((flow, ttl), to) in &flows {
        graph.vertices.insert((*ttl, *to));
        if let Some(from) = flows.get(&(*flow, ttl - 1)) {
            graph.edges.insert((ttl - 1, *from, *to));
        }
    }
    Seen {
        target: trace["dst"].as_str().unwrap().parse().unwrap(),
        graph,
        probes: trace["probec"].as_u64().unwrap(),
        elapsed: last.saturating_sub(start),
    }
}

/// Who did not answer is `*`.
fn address(node: &Value) -> Option<IpAddr> {
    node["addr"].as_str().unwrap().parse().ok()
}

/// Nothing where there is none.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn time(value: &Value) -> Duration {
    let number = |name: &str| value[name].as_u64().unwrap_or_default();
    Duration::from_secs(number("sec")) + Duration::from_micros(number("usec"))
}
