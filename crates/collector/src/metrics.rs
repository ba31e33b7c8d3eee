//! The collector's metrics.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    core::Collector,
};

#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) rows: IntCounterVec,
    pub(crate) bytes: IntCounterVec,
    pub(crate) batches: IntCounterVec,
    pub(crate) commits: IntCounterVec,
    pub(crate) commit_failures: IntCounterVec,
    pub(crate) commit_seconds: HistogramVec,
    pub(crate) duplicates: IntCounterVec,
    pub(crate) rejected: IntCounterVec,
    pub(crate) retries: IntCounterVec,
    pub(crate) lost: IntCounter,
    pub(crate) streams: IntGauge,
    pub(crate) waiting_bytes: IntGauge,
    pub(crate) compactions: IntCounterVec,
    pub(crate) compacted_files: IntCounterVec,
    pub(crate) compacted_bytes: IntCounterVec,
    pub(crate) deleted_objects: IntCounterVec,
    pub(crate) deleted_bytes: IntCounterVec,
    pub(crate) maintenance_failures: IntCounterVec,
    pub(crate) maintenance_seconds: HistogramVec,
}

impl Metrics {
    /// Makes the metrics and adds them to `registry`.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let by_table = |name, help| counters(registry, name, help, "table");
        Ok(Self {
            rows: by_table("trigpoint_collector_rows_total", "Rows committed.")?,
            bytes: by_table(
                "trigpoint_collector_file_bytes_total",
                "Bytes of the data files committed.",
            )?,
            batches: by_table("trigpoint_collector_batches_total", "Batches received.")?,
            commits: by_table("trigpoint_collector_commits_total", "Commits made.")?,
            commit_failures: by_table(
                "trigpoint_collector_commit_failures_total",
                "Commits given up; their batches come again.",
            )?,
            commit_seconds: registered(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "trigpoint_collector_commit_seconds",
                        "Time from the rows in memory to the durable commit.",
                    )
                    .buckets(prometheus::exponential_buckets(0.005, 2.0, 12)?),
                    &["table"],
                )?,
            )?,
            duplicates: by_table(
                "trigpoint_collector_duplicate_batches_total",
                "Batches dropped because they were committed before.",
            )?,
            rejected: counters(
                registry,
                "trigpoint_collector_rejected_batches_total",
                "Batches that can never be rows, kept in quarantine.",
                "code",
            )?,
            retries: counters(
                registry,
                "trigpoint_collector_retries_total",
                "Streams ended with the request to come again.",
                "reason",
            )?,
            lost: registered(
                registry,
                IntCounter::new(
                    "trigpoint_collector_lost_batches_total",
                    "Batches that stations reported as lost, or that were missing.",
                )?,
            )?,
            streams: registered(
                registry,
                IntGauge::new("trigpoint_collector_streams", "Live streams of stations.")?,
            )?,
            waiting_bytes: registered(
                registry,
                IntGauge::new(
                    "trigpoint_collector_waiting_bytes",
                    "Bytes of rows in memory that wait for their commit.",
                )?,
            )?,
            compactions: by_table(
                "trigpoint_collector_compactions_total",
                "Commits that replaced files by fewer sorted ones.",
            )?,
            compacted_files: by_table(
                "trigpoint_collector_compacted_files_total",
                "Files that compactions replaced.",
            )?,
            compacted_bytes: by_table(
                "trigpoint_collector_compacted_bytes_total",
                "Bytes of the files that compactions replaced.",
            )?,
            deleted_objects: by_table(
                "trigpoint_collector_deleted_objects_total",
                "Files and log entries that nothing named any more and that were deleted.",
            )?,
            deleted_bytes: by_table(
                "trigpoint_collector_deleted_bytes_total",
                "Bytes of the files that were deleted.",
            )?,
            maintenance_failures: counters(
                registry,
                "trigpoint_collector_maintenance_failures_total",
                "Acts of maintenance that failed; the next round tries again.",
                "act",
            )?,
            maintenance_seconds: registered(
                registry,
                HistogramVec::new(
                    HistogramOpts::new(
                        "trigpoint_collector_maintenance_seconds",
                        "Time that an act of maintenance took for one table.",
                    )
                    .buckets(prometheus::exponential_buckets(0.01, 4.0, 9)?),
                    &["act"],
                )?,
            )?,
        })
    }
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    registered(registry, IntCounterVec::new(Opts::new(name, help), &[label])?)
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
