//! Any number of traces on one thread: [`multipath`](trigpoint_multipath) says
//! what to send, [`prober`](trigpoint_prober) sends it.

mod active;
mod rate;
mod run;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use prometheus::Registry;
use tokio::sync::oneshot;
use tracing::error;
use trigpoint_multipath::Next;
use trigpoint_prober::{
    Counters, Event, Method, OpenError, Prober, SendError, SetupError, Target, TraceId,
    Transport as _, Waker,
};
use trigpoint_record::tables::traces::{Outcome, Run};

use crate::metrics::Metrics;
use crate::tracer::{Traced, Tracer};

use active::Active;
use rate::Rate;

const THREAD: &str = "tracer";
/// Without a trace, a command wakes the thread.
const IDLE: Duration = Duration::from_mins(1);

/// How traces are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What each trace is asked to do.
    pub trace: trigpoint_multipath::Settings,
    /// What probes are.
    pub method: Method,
    /// How they are sent.
    pub prober: trigpoint_prober::Settings,
    /// Probes per second of all traces together, at most.
    pub probes_per_s: u32,
}

/// Hands traces to the thread, which ends with it.
#[derive(Debug)]
pub struct Engine {
    commands: Sender<Command>,
    waker: Waker,
}

#[derive(Debug)]
enum Command {
    Trace { target: IpAddr, done: oneshot::Sender<Traced> },
    Show { shown: oneshot::Sender<Vec<Run>> },
    Interrupt,
}

impl Engine {
    /// Starts the thread and waits until it has opened what probes need, which
    /// stays on it.
    pub(crate) fn start(settings: Settings, metrics: Metrics) -> Result<Self, StartError> {
        let ((commands, inbox), (opened, is_opened)) = (channel(), channel());
        std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || match Prober::new(settings.prober.clone()) {
                Ok(prober) => {
                    // Who started it waits for this.
                    let _ = opened.send(Ok(prober.waker()));
                    Thread::new(settings, prober, metrics).run(&inbox);
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(StartError::Thread)?;
        let waker = is_opened.recv().map_err(|_| StartError::Ended)??;
        Ok(Self { commands, waker })
    }

    /// The same where nobody reads metrics.
    pub fn without_metrics(settings: Settings) -> Result<Self, StartError> {
        Self::start(settings, Metrics::new(&Registry::new())?)
    }

    /// What the traces that run have found until now.
    pub async fn running(&self) -> Vec<Run> {
        let (shown, runs) = oneshot::channel();
        self.send(Command::Show { shown });
        runs.await.unwrap_or_default()
    }

    fn send(&self, command: Command) {
        // A thread that has ended drops the command, and with it who waits.
        let _ = self.commands.send(command);
        self.waker.wake();
    }
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The sockets cannot be made.
    #[error(transparent)]
    Prober(#[from] SetupError),
    /// A metric has its name twice.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// The thread did not start.
    #[error("cannot start thread `{THREAD}`: {0}")]
    Thread(std::io::Error),
    /// The thread did not get as far as to say why.
    #[error("thread `{THREAD}` has ended before it began")]
    Ended,
}

impl Tracer for Engine {
    async fn trace(&self, target: IpAddr) -> Traced {
        let (done, traced) = oneshot::channel();
        self.send(Command::Trace { target, done });
        traced.await.unwrap_or_else(|_| Traced {
            outcome: Outcome::Failed,
            detail: Some("the thread that traces has ended".to_owned()),
            run: None,
        })
    }

    fn interrupt(&self) {
        self.send(Command::Interrupt);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let (gone, _) = channel();
        self.commands = gone;
        self.waker.wake();
    }
}

struct Thread {
    settings: Settings,
    prober: Prober,
    metrics: Metrics,
    /// What the metrics know of.
    counted: Counters,
    rate: Rate,
    /// Times of the state machines are since then.
    base: Instant,
    traces: HashMap<TraceId, Active>,
    /// Whose turn it is to send.
    order: Vec<TraceId>,
}

impl Thread {
    fn new(settings: Settings, prober: Prober, metrics: Metrics) -> Self {
        Self {
            rate: Rate::new(settings.probes_per_s),
            settings,
            prober,
            metrics,
            counted: Counters::default(),
            base: Instant::now(),
            traces: HashMap::new(),
            order: Vec::new(),
        }
    }

    fn run(mut self, inbox: &Receiver<Command>) {
        let mut events = Vec::new();
        loop {
            match inbox.try_recv() {
                Ok(command) => {
                    self.take(command);
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            let until = self.send_what_is_due();
            if let Err(error) = self.prober.wait(until, &mut events) {
                return error!(%error, "no client is traced any more");
            }
            let counters = self.prober.counters();
            if counters != self.counted {
                self.metrics.probed(&self.counted, &counters);
                self.counted = counters;
            }
            let now = self.base.elapsed();
            for event in events.drain(..) {
                // What is lost, the state machine sees by itself.
                if let Event::Reply(reply) = event
                    && let Some(active) = self.traces.get_mut(&reply.trace)
                {
                    active.answer(*reply, now);
                }
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Trace { target, done } => match self.open(target) {
                Ok(trace) => {
                    let settings = self.settings.trace.clone();
                    let active = Active::new(settings, target, self.base.elapsed(), done);
                    self.traces.insert(trace, active);
                    self.order.push(trace);
                }
                Err(error) => {
                    // Who asked may be gone.
                    let _ = done.send(not_begun(&error));
                }
            },
            Command::Show { shown } => {
                let now = self.base.elapsed();
                let runs = self.traces.values().map(|active| run::of(active, &self.settings, now));
                // Who asked may be gone.
                let _ = shown.send(runs.collect());
            }
            Command::Interrupt => {
                for trace in std::mem::take(&mut self.order) {
                    self.finish(trace, Outcome::Interrupted, None);
                }
            }
        }
    }

    fn open(&mut self, target: IpAddr) -> Result<TraceId, OpenError> {
        self.prober.open(Target { address: target, method: self.settings.method })
    }

    /// Until when there is nothing to send, if no answer comes.  The traces
    /// send in turns, one probe each.
    fn send_what_is_due(&mut self) -> Instant {
        let mut wait = self.base.elapsed() + IDLE;
        let mut turn = std::mem::take(&mut self.order);
        let mut waiting = Vec::with_capacity(turn.len());
        while !turn.is_empty() {
            let mut again = Vec::with_capacity(turn.len());
            for trace in turn {
                let now = self.base.elapsed();
                let Some(active) = self.traces.get_mut(&trace) else { continue };
                if let Some(refilled) = self.rate.empty_until(now) {
                    wait = wait.min(refilled);
                    waiting.push(trace);
                    continue;
                }
                match active.next(now) {
                    Next::Send(probe) => {
                        self.rate.take();
                        match active.send(&mut self.prober, trace, probe) {
                            Ok(()) => again.push(trace),
                            Err(error) => {
                                self.finish(trace, Outcome::Failed, Some(error.to_string()));
                            }
                        }
                    }
                    Next::Wait { until } => {
                        wait = wait.min(until);
                        waiting.push(trace);
                    }
                    Next::Done(_) => {
                        let outcome = active.outcome();
                        self.finish(trace, outcome, None);
                    }
                }
            }
            turn = again;
        }
        self.order = waiting;
        // Whoever came late in this turn is early in the next.
        if !self.order.is_empty() {
            self.order.rotate_left(1);
        }
        self.base + wait
    }

    fn finish(&mut self, trace: TraceId, outcome: Outcome, detail: Option<String>) {
        self.prober.close(trace);
        if let Some(active) = self.traces.remove(&trace) {
            active.finish(&self.settings, self.base.elapsed(), outcome, detail);
        }
    }
}

/// An address to which nothing can be sent is no failure of ours.
fn not_begun(error: &OpenError) -> Traced {
    let outcome = match error {
        OpenError::Excluded { .. } => Outcome::SkippedExcluded,
        OpenError::NoRoute { .. } | OpenError::NoFamily { .. } => Outcome::SkippedNoRoute,
        _ => Outcome::Failed,
    };
    Traced { outcome, detail: Some(error.to_string()), run: None }
}

/// Whether the trace can go on: the probe is one that gets no answer.
fn is_passing(error: &SendError) -> bool {
    matches!(error, SendError::Full { .. } | SendError::FlowBusy)
}

#[cfg(test)]
mod tests;
