//! The memory of many traces at once, each figure in a process of its own: a peak belongs
//! to one of them, and nothing that was measured before is in it.

use std::process::Command;
use std::sync::Arc;

use trigpoint_multipath::{Settings, Strategy};

use crate::network::{Network, Run};
use crate::topology::Topology;

/// First argument of a process that only holds traces.
const HOLD: &str = "hold";

/// What a process has held.
struct Held {
    /// Above what it had before the first trace.
    peak_bytes: u64,
    probes: u64,
}

/// Prints the figures.
pub(crate) fn measure() {
    for strategy in ["mda", "mda-lite"] {
        // What a trace takes is the slope: the process itself takes no part in it.
        let (ten, twenty) = (held(strategy, 10_000, 10_000), held(strategy, 20_000, 20_000));
        println!(
            "{strategy}: {:.1} MB for 10,000 traces at once, {:.1} MB for 20,000: \
             {} bytes for each of {} probes, with its network",
            ten.peak_bytes as f64 / 1e6,
            twenty.peak_bytes as f64 / 1e6,
            twenty.peak_bytes.saturating_sub(ten.peak_bytes) / 10_000,
            ten.probes / 10_000,
        );
        let renewed = held(strategy, 10_000, 50_000);
        println!(
            "{strategy}: {:.1} MB for 50,000 traces, 10,000 at any time: \
             {:.2} times what the first 10,000 take",
            renewed.peak_bytes as f64 / 1e6,
            renewed.peak_bytes as f64 / ten.peak_bytes as f64
        );
    }
}

/// The figures of a new process.
fn held(strategy: &str, at_once: u64, total: u64) -> Held {
    let this = std::env::current_exe().unwrap();
    let numbers = [at_once, total].map(|number| number.to_string());
    let output = Command::new(this).args([HOLD, strategy]).args(numbers).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let numbers: Vec<u64> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
    let [peak_bytes, probes] = numbers[..] else { panic!("{text}") };
    Held { peak_bytes, probes }
}

/// In such a process: does the work, and says whether it was one.
pub(crate) fn hold(arguments: &[String]) -> bool {
    let [what, strategy, at_once, total] = arguments else { return false };
    if what != HOLD {
        return false;
    }
    let strategy = if strategy == "mda" { Strategy::Mda } else { Strategy::MdaLite };
    let (at_once, total): (u64, u64) = (at_once.parse().unwrap(), total.parse().unwrap());
    let topology = Arc::new(Topology::layers(&[1, 1, 1, 1, 4, 4, 1, 1, 2, 1, 1, 1, 1]));
    let settings = Settings { strategy, ..Settings::default() };
    let new_run = |seed| Run::new(settings.clone(), Network::new(&topology, seed));
    let before = peak_bytes();
    let mut runs: Vec<Run> = (0..at_once).map(new_run).collect();
    let (mut begun, mut running, mut probes) = (at_once, runs.len(), 0);
    while running > 0 {
        running = 0;
        // A step at a time, in turn.  Who has ended makes room, or is kept until the last
        // one has ended, if nobody else is to come.
        for run in &mut runs {
            if run.step().is_none() {
                running += 1;
            } else if begun < total {
                probes += run.trace.path().probes.len();
                *run = new_run(begun);
                begun += 1;
                running += 1;
            }
        }
    }
    probes += runs.iter().map(|run| run.trace.path().probes.len()).sum::<usize>();
    println!("{} {probes}", peak_bytes() - before);
    true
}

/// The highest that resident memory has been.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kibibytes * 1024
}
