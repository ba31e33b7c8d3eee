//! What became of rows on their way to the spool.

use prometheus::core::Collector;
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use trigpoint_record::TABLES;

/// Counters and gauges; clones share them.
#[derive(Debug, Clone)]
pub struct OutboxMetrics {
    pub(super) spool_errors: IntCounter,
    pub(super) waiting_bytes: IntGauge,
    rows: IntCounterVec,
    batches: IntCounterVec,
    bytes: IntCounterVec,
    lost_rows: IntCounterVec,
}

impl OutboxMetrics {
    /// Registers everything with `registry`.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let by_table =
            |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["table"]);
        let metrics = Self {
            spool_errors: IntCounter::new(
                "trigpoint_spool_errors_total",
                "Tries to write a batch to the spool that failed",
            )?,
            waiting_bytes: IntGauge::new(
                "trigpoint_unspooled_bytes",
                "Bytes of batches that wait in memory because the spool takes none",
            )?,
            rows: by_table("trigpoint_recorded_rows_total", "Rows written to the spool")?,
            batches: by_table("trigpoint_spooled_batches_total", "Batches written to the spool")?,
            bytes: by_table("trigpoint_spooled_bytes_total", "Payload bytes written to the spool")?,
            lost_rows: by_table(
                "trigpoint_lost_rows_total",
                "Rows that neither the spool nor memory could hold",
            )?,
        };
        for collector in [
            Box::new(metrics.spool_errors.clone()) as Box<dyn Collector>,
            Box::new(metrics.waiting_bytes.clone()),
            Box::new(metrics.rows.clone()),
            Box::new(metrics.batches.clone()),
            Box::new(metrics.bytes.clone()),
            Box::new(metrics.lost_rows.clone()),
        ] {
            registry.register(collector)?;
        }
        // There from the start, for alerts on their growth.
        for table in TABLES {
            metrics.recorded(table.name, 0, 0);
            metrics.lost(table.name, 0);
        }
        Ok(metrics)
    }

    /// Rows are in the spool, as one batch.
    pub(super) fn recorded(&self, table: &str, rows: u64, bytes: u64) {
        self.rows.with_label_values(&[table]).inc_by(rows);
        self.batches.with_label_values(&[table]).inc_by(u64::from(rows > 0));
        self.bytes.with_label_values(&[table]).inc_by(bytes);
    }

    pub(super) fn lost(&self, table: &str, rows: u64) {
        self.lost_rows.with_label_values(&[table]).inc_by(rows);
    }
}
