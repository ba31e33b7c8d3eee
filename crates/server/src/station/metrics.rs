//! How delivery stands, read when somebody asks.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, Registry};
use tokio::sync::watch;
use trigpoint_spool::Spool;
use trigpoint_uplink::Status;

/// Gauges that are brought up to date by a scrape.
#[derive(Debug)]
pub(super) struct Delivery {
    spool: Spool,
    status: Option<watch::Receiver<Status>>,
    gauges: Registry,
    spool_bytes: IntGauge,
    spool_dropped: IntGauge,
    unacknowledged: IntGauge,
    connected: IntGauge,
    behind: IntGauge,
    rejected: IntGauge,
    failures: IntGauge,
}

impl Delivery {
    pub(super) fn new(
        spool: Spool,
        status: Option<watch::Receiver<Status>>,
    ) -> Result<Self, prometheus::Error> {
        let gauges = Registry::new();
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            gauges.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        Ok(Self {
            spool_bytes: gauge("trigpoint_spool_bytes", "Bytes of the spool on disk")?,
            spool_dropped: gauge(
                "trigpoint_spool_dropped_batches",
                "Batches lost to the spool's size cap since the start",
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
            rejected: gauge(
                "trigpoint_uplink_rejected_batches",
                "Batches that the collector put under quarantine since the start",
            )?,
            failures: gauge(
                "trigpoint_uplink_failures",
                "Streams to the collector that failed since the start",
            )?,
            gauges,
            spool,
            status,
        })
    }
}

impl Collector for Delivery {
    fn desc(&self) -> Vec<&Desc> {
        [
            &self.spool_bytes,
            &self.spool_dropped,
            &self.unacknowledged,
            &self.connected,
            &self.behind,
            &self.rejected,
            &self.failures,
        ]
        .into_iter()
        .flat_map(|gauge| gauge.desc())
        .collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let status = self.status.as_ref().map(|status| *status.borrow()).unwrap_or_default();
        let waiting = self.spool.last_seq().saturating_sub(self.spool.acknowledged());
        self.spool_bytes.set(self.spool.bytes() as i64);
        self.spool_dropped.set(self.spool.dropped() as i64);
        self.unacknowledged.set(waiting as i64);
        self.connected.set(status.connected.into());
        self.behind.set(status.behind.into());
        self.rejected.set(status.rejected_batches as i64);
        self.failures.set(status.failures as i64);
        self.gauges.gather()
    }
}
