//! Every metric of the traceroute container.

use prometheus::core::Collector;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use trigpoint_prober::Counters;
use trigpoint_record::tables::traces::{Outcome, Trace};

/// Counters and gauges; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    clients: IntCounter,
    /// Not shown: the sum of `traces`.
    rows: IntCounter,
    pub(crate) running: IntGauge,
    pub(crate) waiting: IntGauge,
    pub(crate) connected: IntGauge,
    pub(crate) garbage: IntCounter,
    pub(crate) missed: IntCounter,
    pub(crate) recording_dropped: IntCounter,
    traces: IntCounterVec,
    probes: IntCounter,
    replies: IntCounter,
    ignored: IntCounterVec,
    overflows: IntCounter,
    pub(crate) shortages: IntCounterVec,
    coverage: Gauge,
}

/// What a shortage of sockets does to a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shortage {
    /// It waits for sockets of others.
    Waited,
    /// It makes room for an older one, and begins again later.
    BeganAgain,
    /// Its time was over before there were any.
    GaveUp,
}

impl Shortage {
    const fn name(self) -> &'static str {
        match self {
            Self::Waited => "waited",
            Self::BeganAgain => "began_again",
            Self::GaveUp => "gave_up",
        }
    }
}

impl Metrics {
    /// Registers everything with `registry`.
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            clients: IntCounter::new(
                "trigpoint_trace_clients_total",
                "Connections whose client was to be traced",
            )?,
            rows: IntCounter::new("rows", "Rows of traces")?,
            running: IntGauge::new("trigpoint_running_traces", "Traces that run now")?,
            waiting: IntGauge::new(
                "trigpoint_waiting_trace_clients",
                "Clients that wait for the end of a trace, their own or a shared one",
            )?,
            connected: IntGauge::new(
                "trigpoint_event_socket_connected",
                "1 while the event socket of the server is read",
            )?,
            garbage: IntCounter::new(
                "trigpoint_garbage_event_lines_total",
                "Lines of the event socket that were not understood",
            )?,
            missed: IntCounter::new(
                "trigpoint_missed_flow_events_total",
                "Events that the server told while its socket was not read",
            )?,
            recording_dropped: IntCounter::new(
                "trigpoint_recording_dropped_total",
                "Rows lost because the disk could not keep up",
            )?,
            traces: IntCounterVec::new(
                Opts::new("trigpoint_traces_total", "Rows of traces, by what became of them"),
                &["outcome", "cached"],
            )?,
            probes: IntCounter::new("trigpoint_trace_probes_total", "Probes sent")?,
            replies: IntCounter::new("trigpoint_trace_replies_total", "Probes answered")?,
            ignored: IntCounterVec::new(
                Opts::new(
                    "trigpoint_ignored_trace_replies_total",
                    "Messages that were no answer to a probe, such as forged ones, by the reason",
                ),
                &["reason"],
            )?,
            overflows: IntCounter::new(
                "trigpoint_trace_overflows_total",
                "Times that the kernel had no room for answers and dropped some",
            )?,
            shortages: IntCounterVec::new(
                Opts::new(
                    "trigpoint_trace_socket_shortages_total",
                    "Traces that found no free socket for a probe, by what they did",
                ),
                &["effect"],
            )?,
            coverage: Gauge::new(
                "trigpoint_trace_coverage",
                "Share of the clients to be traced that have their row, or the reason why not",
            )?,
        };
        metrics.coverage.set(1.0);
        for collector in [
            Box::new(metrics.clients.clone()) as Box<dyn Collector>,
            Box::new(metrics.running.clone()),
            Box::new(metrics.waiting.clone()),
            Box::new(metrics.connected.clone()),
            Box::new(metrics.garbage.clone()),
            Box::new(metrics.missed.clone()),
            Box::new(metrics.recording_dropped.clone()),
            Box::new(metrics.traces.clone()),
            Box::new(metrics.probes.clone()),
            Box::new(metrics.replies.clone()),
            Box::new(metrics.ignored.clone()),
            Box::new(metrics.overflows.clone()),
            Box::new(metrics.shortages.clone()),
            Box::new(metrics.coverage.clone()),
        ] {
            registry.register(collector)?;
        }
        // There from the start, for alerts on their growth.
        for outcome in Outcome::ALL {
            metrics.traces.with_label_values(&[outcome.name(), "false"]).inc_by(0);
        }
        for shortage in [Shortage::Waited, Shortage::BeganAgain, Shortage::GaveUp] {
            metrics.shortages.with_label_values(&[shortage.name()]).inc_by(0);
        }
        metrics.probed(&Counters::default(), &Counters::default());
        Ok(metrics)
    }

    /// Sockets were short for a trace.
    pub(crate) fn short_of_sockets(&self, shortage: Shortage) {
        self.shortages.with_label_values(&[shortage.name()]).inc();
    }

    /// The prober has got from `before` to `now`.
    pub(crate) fn probed(&self, before: &Counters, now: &Counters) {
        self.probes.inc_by(now.sent - before.sent);
        self.replies.inc_by(now.replies - before.replies);
        let reasons = now.ignored.by_reason().into_iter().zip(before.ignored.by_reason());
        for ((reason, now), (_, before)) in reasons {
            self.ignored.with_label_values(&[reason]).inc_by(now - before);
        }
        let overflows = |counters: &Counters| counters.queue_full + counters.dropped;
        self.overflows.inc_by(overflows(now) - overflows(before));
    }

    /// A client has its row.
    pub(crate) fn recorded(&self, trace: &Trace) {
        let cached = if trace.cached.is_some() { "true" } else { "false" };
        self.traces.with_label_values(&[trace.findings.outcome.name(), cached]).inc();
        self.rows.inc();
        self.cover();
    }

    /// A client is to be traced.
    pub(crate) fn told(&self) {
        self.clients.inc();
        self.cover();
    }

    fn cover(&self) {
        self.coverage.set(self.rows.get() as f64 / self.clients.get().max(1) as f64);
    }
}
