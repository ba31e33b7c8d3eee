//! The query service's metrics.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, PullingGauge, Registry,
};

#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) requests: IntCounterVec,
    pub(crate) unauthenticated: IntCounter,
    pub(crate) connections_refused: IntCounter,
    pub(crate) queries: IntCounterVec,
    pub(crate) seconds: Histogram,
    pub(crate) rows: IntCounter,
    pub(crate) bytes: IntCounter,
}

impl Metrics {
    /// Makes the metrics and adds them to `registry`.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: registered(
                registry,
                IntCounterVec::new(
                    Opts::new("trigpoint_query_requests_total", "Calls, by what they ask for."),
                    &["call"],
                )?,
            )?,
            unauthenticated: registered(
                registry,
                IntCounter::new(
                    "trigpoint_query_unauthenticated_total",
                    "Calls without a token that is known here.",
                )?,
            )?,
            connections_refused: registered(
                registry,
                IntCounter::new(
                    "trigpoint_query_connections_refused_total",
                    "Connections closed at once, since there were too many.",
                )?,
            )?,
            queries: registered(
                registry,
                IntCounterVec::new(
                    Opts::new("trigpoint_query_queries_total", "Queries, by how they ended."),
                    &["outcome"],
                )?,
            )?,
            seconds: registered(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "trigpoint_query_seconds",
                        "Time of a query from its request to its last row, waiting included.",
                    )
                    .buckets(prometheus::exponential_buckets(0.005, 4.0, 10)?),
                )?,
            )?,
            rows: registered(
                registry,
                IntCounter::new("trigpoint_query_rows_total", "Rows sent to clients.")?,
            )?,
            bytes: registered(
                registry,
                IntCounter::new("trigpoint_query_bytes_total", "Bytes of rows sent to clients.")?,
            )?,
        })
    }
}

/// A figure that is asked for when somebody looks.
pub(crate) fn gauge(
    registry: &Registry,
    name: &str,
    help: &str,
    value: impl Fn() -> f64 + Send + Sync + 'static,
) -> Result<(), prometheus::Error> {
    registry.register(Box::new(PullingGauge::new(name, help, Box::new(value))?))
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
