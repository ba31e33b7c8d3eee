//! What the engine costs: microseconds for each probe, and the memory of many
//! traces at once.
//!
//! `cargo bench -p trigpoint-multipath`: an iteration, as criterion counts them, is
//! a probe.  Networks are simulated; what the simulation takes is measured on its
//! own, by the same probes without an engine, and taken off.
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

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::Criterion;
use network::{Network, Run};
use topology::Topology;
use trigpoint_multipath::{Path, Probe, ProbeRecord, Settings, Strategy};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if memory::hold(&arguments) {
        return;
    }
    memory::measure();
    let mut criterion = Criterion::default().configure_from_args();
    for (name, widths) in [
        ("chain of 12", &[1; 13][..]),
        ("1-2-1", &[1, 2, 1]),
        ("1-4-4-1", &[1, 4, 4, 1]),
        ("1-16-1", &[1, 16, 1]),
        ("1-28-1", &[1, 28, 1]),
        ("12 hops with 4 x 4", &[1, 1, 1, 1, 4, 4, 1, 1, 1, 1, 1, 1, 1]),
    ] {
        let topology = Arc::new(Topology::layers(widths));
        let mut group = criterion.benchmark_group(name);
        for strategy in [Strategy::SinglePath, Strategy::Mda, Strategy::MdaLite] {
            let settings = Settings { strategy, ..Settings::default() };
            group.bench_function(format!("{strategy:?}"), |bencher| {
                bencher.iter_custom(|probes| cost(&topology, &settings, probes));
            });
        }
    }
    criterion.final_summary();
}

/// Of so many probes: by whole traces, each of its own network.
fn cost(topology: &Arc<Topology>, settings: &Settings, probes: u64) -> Duration {
    let (mut engine, mut sent) = (Duration::ZERO, 0);
    for seed in 0.. {
        if sent >= probes {
            break;
        }
        let mut run = Run::new(settings.clone(), Network::new(topology, seed));
        let start = Instant::now();
        while run.step().is_none() {}
        let with_network = start.elapsed();
        let of_trace = probes_of(&run.trace.path());
        let mut network = Network::new(topology, seed);
        let start = Instant::now();
        for probe in &of_trace {
            black_box(network.carry(*probe, network::START));
        }
        engine += with_network.saturating_sub(start.elapsed());
        sent += of_trace.len() as u64;
    }
    engine.mul_f64(probes as f64 / sent as f64)
}

fn probes_of(path: &Path) -> Vec<Probe> {
    let probe = |probe: &ProbeRecord| Probe { id: probe.id, ttl: probe.ttl, flow: probe.flow };
    path.probes.iter().map(probe).collect()
}
