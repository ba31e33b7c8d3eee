//! The operator's metrics.  Labels are words of ours, never names of objects.

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Closer around the 50 ms that a plan for 1,000 nodes may take.
const PLAN_SECONDS: [f64; 20] = [
    0.000_5, 0.001, 0.002, 0.003, 0.005, 0.007, 0.010, 0.015, 0.020, 0.025, 0.030, 0.040, 0.050,
    0.075, 0.100, 0.150, 0.200, 0.500, 1.000, 2.000,
];

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// By what is written, as in `patch Node`.
    pub(crate) writes: IntCounterVec,
    /// By how the round ended.
    pub(crate) rounds: IntCounterVec,
    pub(crate) plan_seconds: Histogram,
    pub(crate) stream_age: GaugeVec,
    pub(crate) unreadable: IntGaugeVec,
    pub(crate) is_leader: IntGauge,
    /// By state, over all fleets.
    pub(crate) nodes: IntGaugeVec,
    pub(crate) paused_fleets: IntGauge,
}

impl Metrics {
    /// Makes the metrics and adds them to `registry`.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, label: &str| {
            registered(registry, IntCounterVec::new(Opts::new(name, help), &[label])?)
        };
        let gauge = |name: &str, help: &str| registered(registry, IntGauge::new(name, help)?);
        Ok(Self {
            writes: counters(
                "trigpoint_operator_writes_total",
                "Writes to the API server.",
                "request",
            )?,
            rounds: counters(
                "trigpoint_operator_rounds_total",
                "Rounds over one fleet, by how they ended.",
                "outcome",
            )?,
            plan_seconds: registered(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "trigpoint_operator_plan_seconds",
                        "Time from the stores to the plan of one fleet.",
                    )
                    .buckets(PLAN_SECONDS.to_vec()),
                )?,
            )?,
            stream_age: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "trigpoint_operator_stream_age_seconds",
                        "Time since a watch last made progress.",
                    ),
                    &["kind"],
                )?,
            )?,
            unreadable: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "trigpoint_operator_unreadable_objects",
                        "Objects that are there and that this version cannot read.",
                    ),
                    &["kind"],
                )?,
            )?,
            is_leader: gauge(
                "trigpoint_operator_leader",
                "1 while this operator holds the lease.",
            )?,
            nodes: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new("trigpoint_operator_nodes", "Nodes of all fleets, by state."),
                    &["state"],
                )?,
            )?,
            paused_fleets: gauge(
                "trigpoint_operator_paused_fleets",
                "Fleets that do not go on until somebody changes something.",
            )?,
        })
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
