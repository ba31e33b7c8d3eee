//! Who is traced when: the queue, the traces that run, and those that are
//! repeated.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::error;
use trigpoint_record::tables::traces::{Findings, Origin, Outcome, Trace};

use crate::cache::{Cache, Made, Place};
use crate::clock;
use crate::eligibility::Rules;
use crate::flows::Client;
use crate::metrics::Metrics;
use crate::recorder::Recorder;
use crate::tracer::{Traced, Tracer};

/// Bounds.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Traces that run at the same time.
    pub(crate) running: usize,
    /// Clients that wait at the same time, those for a running trace included.
    pub(crate) waiting: usize,
    /// How long a trace is repeated for others from the same place.
    pub(crate) cache_age: Duration,
}

/// Owns every client from the moment at which it is to be traced until its row
/// is handed over: each gets exactly one.
#[derive(Debug)]
pub(crate) struct Scheduler<T> {
    tracer: Arc<T>,
    rules: Rules,
    limits: Limits,
    cache: Cache,
    /// Places whose turn has not come, in order.
    queue: VecDeque<Place>,
    /// The clients of each place that waits or is being traced; the first is
    /// the one whose trace it is.
    clients: HashMap<Place, Vec<Client>>,
    waiting: usize,
    traces: JoinSet<(Place, Traced)>,
    is_stopped: bool,
    recorder: Recorder,
    metrics: Metrics,
}

impl<T: Tracer> Scheduler<T> {
    pub(crate) fn new(
        tracer: T,
        rules: Rules,
        limits: Limits,
        recorder: Recorder,
        metrics: Metrics,
    ) -> Self {
        Self {
            tracer: Arc::new(tracer),
            rules,
            cache: Cache::new(limits.cache_age),
            limits,
            queue: VecDeque::new(),
            clients: HashMap::new(),
            waiting: 0,
            traces: JoinSet::new(),
            is_stopped: false,
            recorder,
            metrics,
        }
    }

    /// Whether nobody waits and nothing runs.
    pub(crate) fn is_idle(&self) -> bool {
        self.clients.is_empty()
    }

    /// Takes a client on: it is traced, waits, shares a trace, or is skipped.
    pub(crate) fn take(&mut self, client: Client) {
        self.metrics.told();
        if let Some(skip) = self.rules.skip(client.address, client.server) {
            return self.record(client, skip.outcome, skip.detail, None);
        }
        let place = Place::of(client.address);
        if let Some(made) = self.cache.get(place, Instant::now()).cloned() {
            return self.record(client, made.outcome, None, Some(made));
        }
        if self.is_stopped {
            return self.record(client, Outcome::SkippedStopped, None, None);
        }
        if self.waiting >= self.limits.waiting {
            return self.record(client, Outcome::SkippedQueueFull, None, None);
        }
        self.waiting += 1;
        let clients = self.clients.entry(place).or_default();
        clients.push(client);
        if clients.len() == 1 {
            self.queue.push_back(place);
        }
        self.start();
    }

    /// Waits for the end of a trace, and hands its rows over; never returns
    /// while none runs.  Safe to cancel.
    pub(crate) async fn advance(&mut self) {
        match self.traces.join_next().await {
            Some(Ok((place, traced))) => {
                self.traced(place, traced);
                self.start();
            }
            Some(Err(error)) => error!(%error, "a trace did not come to its end"),
            None => std::future::pending().await,
        }
    }

    /// No further trace is begun: who waits for one is skipped.
    pub(crate) fn stop(&mut self) {
        self.is_stopped = true;
        for place in std::mem::take(&mut self.queue) {
            for client in self.clients.remove(&place).unwrap_or_default() {
                self.waiting -= 1;
                self.record(client, Outcome::SkippedStopped, None, None);
            }
        }
        self.show();
    }

    /// Ends what runs, with what it has found.
    pub(crate) fn interrupt(&self) {
        self.tracer.interrupt();
    }

    /// Gives up on traces that did not end when they were interrupted.
    pub(crate) fn abandon(&mut self) {
        self.traces.abort_all();
        for client in std::mem::take(&mut self.clients).into_values().flatten() {
            let detail = Some("the trace did not end in time".to_owned());
            self.record(client, Outcome::Interrupted, detail, None);
        }
    }

    /// Begins as many traces as may run.
    fn start(&mut self) {
        while self.traces.len() < self.limits.running
            && let Some(place) = self.queue.pop_front()
        {
            let Some(client) = self.clients.get(&place).and_then(|clients| clients.first()) else {
                continue;
            };
            let (tracer, target) = (Arc::clone(&self.tracer), client.address);
            self.traces.spawn(async move { (place, tracer.trace(target).await) });
        }
        self.show();
    }

    fn traced(&mut self, place: Place, traced: Traced) {
        let Traced { outcome, detail, run } = traced;
        let mut clients = self.clients.remove(&place).unwrap_or_default().into_iter();
        self.waiting -= clients.len();
        let Some(first) = clients.next() else { return };
        let trace_id = first.flow_id.trace_id(clock::unix_us());
        let origin = Origin { trace_id, flow_id: first.flow_id.clone() };
        let made = run.map(|run| Made { origin, outcome, run: Arc::new(run) });
        // What went wrong with this one may go right with the next.
        if let Some(made) = &made
            && detail.is_none()
            && matches!(outcome, Outcome::Complete | Outcome::Incomplete)
        {
            self.cache.insert(place, made.clone(), Instant::now());
        }
        let mut own = row(first, outcome, detail.clone());
        if let Some(made) = &made {
            own.trace_id = made.origin.trace_id.clone();
            own.findings.run = Some(Arc::clone(&made.run));
        }
        self.hand_over(own);
        for client in clients {
            self.record(client, outcome, detail.clone(), made.clone());
        }
    }

    /// A row without a trace of its own.
    fn record(
        &mut self,
        client: Client,
        outcome: Outcome,
        detail: Option<String>,
        made: Option<Made>,
    ) {
        let mut trace = row(client, outcome, detail);
        (trace.cached, trace.findings.run) = made.map(|made| (made.origin, made.run)).unzip();
        self.hand_over(trace);
    }

    fn hand_over(&mut self, trace: Trace) {
        self.metrics.recorded(&trace);
        self.recorder.hand_over(trace);
        self.show();
    }

    fn show(&self) {
        self.metrics.running.set(self.traces.len() as i64);
        self.metrics.waiting.set(self.waiting as i64);
    }
}

/// With nothing sent.
fn row(client: Client, outcome: Outcome, detail: Option<String>) -> Trace {
    Trace {
        trace_id: client.flow_id.trace_id(clock::unix_us()),
        flow_id: client.flow_id,
        opened_time: client.opened_time,
        test_id: client.test_id,
        trigger: client.trigger,
        cached: None,
        findings: Findings { target: client.address, outcome, outcome_detail: detail, run: None },
    }
}

#[cfg(test)]
mod tests;
