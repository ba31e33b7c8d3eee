//! Every metric of the service.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use trigpoint_mlab::EventKind;
use trigpoint_record::tables::speed_tests::{Direction, EndReason, Transport};
use trigpoint_uplink::OutboxMetrics;

use crate::admission::Refusal;

/// Counters and gauges; clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub(crate) active_tests: IntGauge,
    pub(crate) connections: IntGauge,
    pub(crate) recording_dropped: IntCounter,
    pub(crate) outbox: OutboxMetrics,
    pub(crate) event_readers: IntGauge,
    pub(crate) dropped_event_readers: IntCounter,
    pub(crate) lost_events: IntCounter,
    events: IntCounterVec,
    tests: IntCounterVec,
    refusals: IntCounterVec,
    rate: Histogram,
}

impl Metrics {
    /// Registers everything with `registry`.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            active_tests: IntGauge::new("trigpoint_active_tests", "Tests that run now")?,
            connections: IntGauge::new(
                "trigpoint_open_connections",
                "Connections of clients, tests included",
            )?,
            recording_dropped: IntCounter::new(
                "trigpoint_recording_dropped_total",
                "Observations lost because the disk could not keep up",
            )?,
            outbox: OutboxMetrics::new(registry)?,
            event_readers: IntGauge::new("trigpoint_event_readers", "Readers of the event socket")?,
            dropped_event_readers: IntCounter::new(
                "trigpoint_dropped_event_readers_total",
                "Readers of the event socket that were cut off or refused",
            )?,
            lost_events: IntCounter::new(
                "trigpoint_lost_flow_events_total",
                "Events that were lost on their way to the event socket",
            )?,
            events: IntCounterVec::new(
                Opts::new("trigpoint_flow_events_total", "Events told to the event socket"),
                &["event"],
            )?,
            tests: IntCounterVec::new(
                Opts::new("trigpoint_tests_total", "Tests that ended"),
                &["direction", "transport", "end_reason"],
            )?,
            refusals: IntCounterVec::new(
                Opts::new("trigpoint_refused_tests_total", "Tests that were not started"),
                &["reason"],
            )?,
            rate: Histogram::with_opts(
                HistogramOpts::new("trigpoint_test_rate_megabits_per_s", "Rate of finished tests")
                    .buckets(RATES.to_vec()),
            )?,
        };
        for collector in [
            Box::new(metrics.active_tests.clone()) as Box<dyn prometheus::core::Collector>,
            Box::new(metrics.connections.clone()),
            Box::new(metrics.recording_dropped.clone()),
            Box::new(metrics.event_readers.clone()),
            Box::new(metrics.dropped_event_readers.clone()),
            Box::new(metrics.lost_events.clone()),
            Box::new(metrics.events.clone()),
            Box::new(metrics.tests.clone()),
            Box::new(metrics.refusals.clone()),
            Box::new(metrics.rate.clone()),
        ] {
            registry.register(collector)?;
        }
        Ok(metrics)
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.with_label_values(&[refusal.name()]).inc();
    }

    /// The event socket was told of a connection.
    pub(crate) fn told(&self, kind: EventKind) {
        let name = match kind {
            EventKind::Open => "open",
            EventKind::Close => "close",
        };
        self.events.with_label_values(&[name]).inc();
    }

    pub(crate) fn ended(
        &self,
        direction: Direction,
        transport: Transport,
        reason: EndReason,
        bits_per_s: Option<f64>,
    ) {
        self.tests.with_label_values(&[direction.name(), transport.name(), reason.name()]).inc();
        if let Some(rate) = bits_per_s {
            self.rate.observe(rate / 1e6);
        }
    }
}

/// To 100 Gbit/s: the fastest interfaces that stations have.
const RATES: &[f64] = &[
    0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0,
];
