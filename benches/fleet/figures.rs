//! What was measured, beside what the issue bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::process::Histogram;

/// `planning p99 at most 50 ms, operator's writes at most 12 per handoff, resident
/// memory at most 150 MB`.
const PLANNING_P99: f64 = 0.050;
const WRITES_PER_HANDOFF: f64 = 12.0;
const RESIDENT_BYTES: u64 = 150_000_000;

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) nodes: usize,
    pub(crate) handoffs: usize,
    pub(crate) took: Duration,
    pub(crate) planning: Histogram,
    /// As in `patch nodes`, of the rollout, without the Lease.
    pub(crate) writes: BTreeMap<String, usize>,
    /// Of them, those that the API server refused.
    pub(crate) refused: usize,
    pub(crate) writes_at_rest: usize,
    pub(crate) rest: Duration,
    pub(crate) most_resident: u64,
    pub(crate) cpu_seconds: f64,
    pub(crate) cpu_seconds_at_rest: f64,
}

impl Figures {
    fn writes_per_handoff(&self) -> f64 {
        self.writes.values().sum::<usize>() as f64 / self.handoffs as f64
    }

    /// Bounds that do not hold.
    pub(crate) fn broken(&self) -> Vec<String> {
        let p99 = self.planning.quantile(0.99);
        let mut broken = Vec::new();
        let mut bound = |holds: bool, what: String| {
            if !holds {
                broken.push(format!("with {} nodes {what}", self.nodes));
            }
        };
        bound(p99 <= PLANNING_P99, format!("planning p99 is {} ms, not 50", p99 * 1e3));
        let writes = self.writes_per_handoff();
        // The bound is for 1,000 nodes: in a small fleet with one node in flight at a
        // time no write is shared.
        let is_large = self.nodes >= 1000;
        bound(
            !is_large || writes <= WRITES_PER_HANDOFF,
            format!("a handoff takes {writes:.1} writes, not 12"),
        );
        let resident = self.most_resident;
        let megabytes = resident as f64 / 1e6;
        bound(resident <= RESIDENT_BYTES, format!("{megabytes:.0} MB are resident, not 150"));
        broken
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} nodes, writes per handoff:", self.nodes)?;
        for (what, count) in &self.writes {
            writeln!(formatter, "  {:>5.2}  {what}", *count as f64 / self.handoffs as f64)?;
        }
        write!(formatter, "  {:>5}  of all refused", self.refused)
    }
}

/// What it is, and what it is of one size.
type Row = (&'static str, Box<dyn Fn(&Figures) -> String>);

/// Sizes side by side.
pub(crate) fn table(all: &[Figures]) -> String {
    let milliseconds = |seconds: f64| format!("≤ {} ms", seconds * 1e3);
    let plans = |share: f64| move |f: &Figures| milliseconds(f.planning.quantile(share));
    let rows: [Row; 12] = [
        ("nodes", Box::new(|f| f.nodes.to_string())),
        ("handoffs", Box::new(|f| f.handoffs.to_string())),
        ("plans", Box::new(|f| f.planning.count().to_string())),
        ("planning p50", Box::new(plans(0.5))),
        ("planning p99 (bound 50 ms)", Box::new(plans(0.99))),
        ("planning max", Box::new(plans(1.0))),
        ("writes per handoff (bound 12)", Box::new(|f| format!("{:.1}", f.writes_per_handoff()))),
        (
            "writes per second at rest",
            Box::new(|f| format!("{:.2}", f.writes_at_rest as f64 / f.rest.as_secs_f64())),
        ),
        (
            "most resident (bound 150 MB)",
            Box::new(|f| format!("{:.0} MB", f.most_resident as f64 / 1e6)),
        ),
        (
            "CPU per handoff",
            Box::new(|f| format!("{:.0} ms", f.cpu_seconds / f.handoffs as f64 * 1e3)),
        ),
        (
            "CPU at rest",
            Box::new(|f| {
                format!("{:.2} % of a core", f.cpu_seconds_at_rest / f.rest.as_secs_f64() * 100.0)
            }),
        ),
        (
            "handoffs per minute",
            Box::new(|f| format!("{:.0}", f.handoffs as f64 / f.took.as_secs_f64() * 60.0)),
        ),
    ];
    let line = |(name, cell): &Row| {
        let cells: Vec<String> = all.iter().map(|f| format!("{:>18}", cell(f))).collect();
        format!("{name:<30}{}", cells.concat())
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
