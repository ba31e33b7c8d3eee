//! How late each sample of a run was, from what the server stored.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, ensure};
use trigpoint_record::tables::{SNAPSHOTS, TRACES};

use super::spool;

/// Between two polls of a flow with a test.
const PERIOD_US: u64 = 10_000;
/// Polls from which it is clear when they were due.
const ENOUGH: usize = 200;
/// A poll so little before most of the others is on time, and not a period late.
const EARLY_US: u64 = 1_000;

/// What a run has shown.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    /// Microseconds from when each sample was due to the kernel's answer, less what is
    /// usual in its flow; in order.
    pub(crate) late_us: Vec<u64>,
    /// Polls that were due and not made.
    pub(crate) missed: u64,
    pub(crate) traces: usize,
    pub(crate) probes: u64,
}

/// The samples of one flow.
#[derive(Default)]
struct Flow {
    elapsed_us: Vec<u64>,
    missed: Vec<u64>,
}

impl Samples {
    /// From the spools of both programs.
    pub(crate) fn read(server: &Path, tracer: &Path) -> Result<Self> {
        let mut flows: BTreeMap<String, Flow> = BTreeMap::new();
        for row in spool::rows(&server.join("spool"), &SNAPSHOTS) {
            let number = |name: &str| row[name].as_u64().unwrap_or_default();
            let flow = flows.entry(row["flow_id"].to_string()).or_default();
            flow.elapsed_us.push(number("elapsed_us"));
            flow.missed.push(number("polls_missed_before"));
        }
        let mut samples = Self::default();
        for flow in flows.values().filter(|flow| flow.elapsed_us.len() >= ENOUGH) {
            samples.add(flow);
        }
        ensure!(!samples.late_us.is_empty(), "no flow has {ENOUGH} samples");
        samples.late_us.sort_unstable();
        if tracer.exists() {
            let rows = spool::rows(&tracer.join("traces"), &TRACES);
            let complete = rows.iter().filter(|row| row["outcome"] == "complete");
            samples.traces = complete.count();
            let probes = rows.iter().filter_map(|row| row["probe_count"].as_u64());
            samples.probes = probes.sum();
        }
        Ok(samples)
    }

    /// Polls are due at instants a period apart; when the first was is in no row, so that
    /// it is taken from where most of them are.  What is left out by that is the same for
    /// all, and makes a ratio above one larger, never smaller.
    fn add(&mut self, flow: &Flow) {
        let phase_us = phase(&flow.elapsed_us);
        for (elapsed_us, missed) in flow.elapsed_us.iter().zip(&flow.missed) {
            // The instants that passed meanwhile were missed for this poll's lateness.
            let late_us = (elapsed_us + PERIOD_US + EARLY_US - phase_us) % PERIOD_US;
            self.late_us.push(late_us.saturating_sub(EARLY_US) + missed * PERIOD_US);
            self.missed += missed;
        }
    }
}

/// Where in a period the instants are: where the shortest part of it begins in which half
/// of the samples were taken, since on a busy machine some were taken in every part.
fn phase(elapsed_us: &[u64]) -> u64 {
    let mut places: Vec<u64> = elapsed_us.iter().map(|elapsed| elapsed % PERIOD_US).collect();
    places.sort_unstable();
    let round: Vec<u64> =
        places.iter().copied().chain(places.iter().map(|place| place + PERIOD_US)).collect();
    let half = places.len() / 2;
    let parts = places.iter().zip(&round[half..]).map(|(place, end)| (end - place, *place));
    parts.min().map_or(0, |(_, phase)| phase)
}
