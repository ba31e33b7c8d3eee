//! How delivery stands, read when somebody asks.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntCounter, IntGauge, Registry};
use tokio::sync::watch;
use trigpoint_spool::Spool;

use crate::Status;

/// Figures that are brought up to date by a scrape.
#[derive(Debug)]
pub struct Delivery {
    spool: Spool,
    status: Option<watch::Receiver<Status>>,
    figures: Registry,
    spool_bytes: IntGauge,
    spool_age: Gauge,
    spool_dropped: IntCounter,
    unacknowledged: IntGauge,
    connected: IntGauge,
    behind: IntGauge,
    rejected: IntCounter,
    failures: IntCounter,
}

impl Delivery {
    /// Of a spool, and of its uplink if it has one.
    pub fn new(
        spool: Spool,
        status: Option<watch::Receiver<Status>>,
    ) -> Result<Self, prometheus::Error> {
        let figures = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            figures.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            figures.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let spool_age = Gauge::new(
            "trigpoint_spool_age_seconds",
            "How long the oldest batch in the spool waits for its acknowledgement; 0 without one",
        )?;
        figures.register(Box::new(spool_age.clone()))?;
        Ok(Self {
            spool_age,
            spool_bytes: gauge("trigpoint_spool_bytes", "Bytes of the spool on disk")?,
            spool_dropped: counter(
                "trigpoint_spool_dropped_batches_total",
                "Batches lost to the spool's size cap",
            )?,
            unacknowledged: gauge(
                "trigpoint_uplink_unacknowledged_batches",
                "Batches in the spool that the collector has not committed yet",
            )?,
            connected: gauge("trigpoint_uplink_connected", "1 while the collector takes batches")?,
            behind: gauge(
                "trigpoint_uplink_behind",
                "1 while a batch waits too long for its acknowledgement",
            )?,
            rejected: counter(
                "trigpoint_uplink_rejected_batches_total",
                "Batches that the collector put under quarantine",
            )?,
            failures: counter(
                "trigpoint_uplink_failures_total",
                "Streams to the collector that failed",
            )?,
            figures,
            spool,
            status,
        })
    }
}

impl Collector for Delivery {
    fn desc(&self) -> Vec<&Desc> {
        [&self.spool_bytes, &self.unacknowledged, &self.connected, &self.behind]
            .into_iter()
            .flat_map(Collector::desc)
            .chain(
                [&self.spool_dropped, &self.rejected, &self.failures]
                    .into_iter()
                    .flat_map(Collector::desc),
            )
            .chain(self.spool_age.desc())
            .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.status.as_ref().map(|status| *status.borrow()).unwrap_or_default();
        let waiting = self.spool.last_seq().saturating_sub(self.spool.acknowledged());
        self.spool_bytes.set(self.spool.bytes() as i64);
        self.spool_age.set(self.spool.age().unwrap_or_default().as_secs_f64());
        raise(&self.spool_dropped, self.spool.dropped());
        self.unacknowledged.set(waiting as i64);
        self.connected.set(status.connected.into());
        self.behind.set(status.behind.into());
        raise(&self.rejected, status.rejected_batches);
        raise(&self.failures, status.failures);
        self.figures.gather()
    }
}

/// Brings a counter up to a count that somebody else keeps.
fn raise(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
