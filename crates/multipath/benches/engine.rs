//! What the engine costs: microseconds for each probe, and the memory of many
//! traces at once.
//!
//! `cargo bench -p trigpoint-multipath` prints one line per figure.  Networks
//! are simulated; what the simulation takes is measured on its own, by the same
//! probes without an engine, and taken off.
#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

#[path = "engine/memory.rs"]
mod memory;
#[path = "../tests/simulated/network.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod network;
#[path = "../tests/simulated/topology.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod topology;

use std::sync::Arc;

use network::{Network, Run};
use topology::Topology;
use trigpoint_multipath::{Path, Probe, ProbeRecord, Settings, Strategy};

const REPEATS: usize = 9;
/// Of each repeat: enough for a clock that ticks every 4 ms.
const PROBES: usize = 200_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if memory::hold(&arguments) {
        return;
    }
    memory::measure();
    for (name, widths) in [
        ("chain of 12", &[1; 13][..]),
        ("1-2-1", &[1, 2, 1]),
        ("1-4-4-1", &[1, 4, 4, 1]),
        ("1-16-1", &[1, 16, 1]),
        ("1-28-1", &[1, 28, 1]),
        ("12 hops with 4 x 4", &[1, 1, 1, 1, 4, 4, 1, 1, 1, 1, 1, 1, 1]),
    ] {
        for strategy in [Strategy::Mda, Strategy::MdaLite] {
            cost_per_probe(name, widths, strategy);
        }
    }
    cost_per_probe("chain of 12", &[1; 13], Strategy::SinglePath);
}

/// The median over repeats.
fn cost_per_probe(name: &str, widths: &[usize], strategy: Strategy) {
    let topology = Arc::new(Topology::layers(widths));
    let settings = Settings { strategy, ..Settings::default() };
    let new_run = |seed| Run::new(settings.clone(), Network::new(&topology, seed));
    let traces = (PROBES / new_run(0).finish().probes.len()) as u64;
    let mut costs: Vec<f64> = Vec::new();
    let mut probes = 0;
    for _ in 0..REPEATS {
        let mut runs: Vec<Run> = (0..traces).map(new_run).collect();
        let start = cpu_time();
        for run in &mut runs {
            while run.step().is_none() {}
        }
        let with_network = cpu_time() - start;
        let sent: Vec<Vec<Probe>> = runs.iter().map(|run| sent(&run.trace.path())).collect();
        let start = cpu_time();
        for (seed, sent) in (0..).zip(&sent) {
            let mut network = Network::new(&topology, seed);
            for probe in sent {
                std::hint::black_box(network.carry(*probe, network::START));
            }
        }
        let network = cpu_time() - start;
        probes = sent.iter().map(Vec::len).sum();
        costs.push((with_network - network) * 1e6 / probes as f64);
    }
    costs.sort_by(f64::total_cmp);
    println!(
        "{name:20} {strategy:10?} {:6.2} us per probe (fastest {:.2}), {} probes per trace",
        costs[REPEATS / 2],
        costs[0],
        probes as u64 / traces
    );
}

fn sent(path: &Path) -> Vec<Probe> {
    let probe = |probe: &ProbeRecord| Probe { id: probe.id, ttl: probe.ttl, flow: probe.flow };
    path.probes.iter().map(probe).collect()
}

/// Seconds for which this process had a processor: the machine's other load
/// leaves it as it is.
fn cpu_time() -> f64 {
    let statistics = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    let nanoseconds: f64 = statistics.split_whitespace().next().unwrap().parse().unwrap();
    nanoseconds / 1e9
}
