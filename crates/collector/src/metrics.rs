//! The collector's metrics.

use chrono::Utc;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector,
};

#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) rows: IntCounterVec,
    pub(crate) bytes: IntCounterVec,
    pub(crate) batches: IntCounterVec,
    pub(crate) commits: IntCounterVec,
    pub(crate) commit_conflicts: IntCounterVec,
    pub(crate) commit_failures: IntCounterVec,
    pub(crate) commit_seconds: HistogramVec,
    newest_test: Gauge,
    freshness: Histogram,
    pub(crate) duplicates: IntCounterVec,
    pub(crate) rejected: IntCounterVec,
    pub(crate) retries: IntCounterVec,
    pub(crate) lost: IntCounter,
    pub(crate) streams: IntGauge,
    pub(crate) waiting_bytes: IntGauge,
    pub(crate) maintenance: Maintenance,
    pub(crate) annotation: Annotation,
}

/// Of the databases of addresses.
#[derive(Debug)]
pub(crate) struct Annotation {
    pub(crate) addresses: IntCounterVec,
    pub(crate) reloads: IntCounterVec,
    pub(crate) build_time: IntGaugeVec,
}

/// Of the background task that cares for the tables.
#[derive(Debug)]
pub(crate) struct Maintenance {
    pub(crate) compactions: IntCounterVec,
    pub(crate) compacted_files: IntCounterVec,
    pub(crate) compacted_bytes: IntCounterVec,
    pub(crate) deleted_objects: IntCounterVec,
    pub(crate) deleted_bytes: IntCounterVec,
    pub(crate) failures: IntCounterVec,
    pub(crate) seconds: HistogramVec,
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
            commit_conflicts: by_table(
                "trigpoint_collector_commit_conflicts_total",
                "Commits that were refused, mostly as a rival was first, and made again.",
            )?,
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
            newest_test: registered(
                registry,
                Gauge::new(
                    "trigpoint_collector_newest_test_timestamp_seconds",
                    "When the newest test in the tables ended, Unix time; 0 before the first.",
                )?,
            )?,
            freshness: registered(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "trigpoint_collector_freshness_seconds",
                        "From the end of the newest test of a commit, by the station's clock, \
                         until it was in the tables.",
                    )
                    .buckets(vec![1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 60.0, 600.0, 3600.0]),
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
            maintenance: Maintenance::register(registry)?,
            annotation: Annotation::register(registry)?,
        })
    }

    /// A test is in the tables that ended at `end_time`, microseconds since the
    /// Unix epoch.
    pub(crate) fn test_arrived(&self, end_time: i64) {
        let seconds = |micros: i64| micros as f64 / 1e6;
        // What a station brings that was offline is not the newest.
        self.newest_test.set(self.newest_test.get().max(seconds(end_time)));
        let now = Utc::now().timestamp_micros();
        self.freshness.observe(seconds(now - end_time).max(0.0));
    }
}

impl Maintenance {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let by_table = |name, help| counters(registry, name, help, "table");
        Ok(Self {
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
            failures: counters(
                registry,
                "trigpoint_collector_maintenance_failures_total",
                "Acts of maintenance that failed; the next round tries again.",
                "act",
            )?,
            seconds: registered(
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

impl Annotation {
    fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let labels = &["database", "outcome"];
        let counters =
            |name, help| registered(registry, IntCounterVec::new(Opts::new(name, help), labels)?);
        Ok(Self {
            addresses: counters(
                "trigpoint_collector_annotated_addresses_total",
                "Addresses of clients, servers and hops in rows: found, or why not.",
            )?,
            reloads: counters(
                "trigpoint_collector_database_reloads_total",
                "Databases of addresses whose file had changed: replaced, or failed.",
            )?,
            build_time: registered(
                registry,
                IntGaugeVec::new(
                    Opts::new(
                        "trigpoint_collector_database_build_timestamp_seconds",
                        "When the database of addresses in use was built, Unix time.",
                    ),
                    &["database"],
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
