//! Any number of traces on one thread: [`multipath`](trigpoint_multipath) says
//! what to send, [`prober`](trigpoint_prober) sends it.

mod active;
mod queue;
mod rate;
mod run;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};

use prometheus::Registry;
use tokio::sync::oneshot;
use tracing::{error, warn};
use trigpoint_multipath::Next;
use trigpoint_prober::{
    Counters, Event, Method, OpenError, Prober, SendError, SetupError, Target, TraceId,
    Transport as _, Waker,
};
use trigpoint_record::tables::traces::{Outcome, Run};

use crate::metrics::{Metrics, Shortage};
use crate::tracer::{Traced, Tracer};

use active::Active;
use queue::{Asked, Queue, RETRY};
use rate::Rate;

const THREAD: &str = "tracer";
/// Without a trace, a command wakes the thread.
const IDLE: Duration = Duration::from_mins(1);
const SHORTAGE: &str = "no socket is free: traces wait for each other; allow more open files";

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
    queue: Queue,
    traces: HashMap<TraceId, Active>,
    /// Whose turn it is to send.
    order: Vec<TraceId>,
}

impl Thread {
    fn new(mut settings: Settings, prober: Prober, metrics: Metrics) -> Self {
        settings.trace.one_probe_per_flow = settings.method.has_one_probe_per_flow();
        Self {
            rate: Rate::new(settings.probes_per_s),
            settings,
            prober,
            metrics,
            counted: Counters::default(),
            base: Instant::now(),
            queue: Queue::default(),
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
            self.begin();
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
            Command::Trace { target, done } => {
                self.queue.push(target, done, self.base.elapsed());
            }
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
                for asked in self.queue.drain() {
                    let outcome = Outcome::SkippedStopped;
                    // Who asked may be gone.
                    let _ = asked.done.send(Traced { outcome, detail: None, run: None });
                }
            }
        }
    }

    /// Begins what may begin; those that run and wait for a socket come first.
    fn begin(&mut self) {
        let now = self.base.elapsed();
        if self.traces.values().any(|active| active.shortage.is_some()) {
            return;
        }
        while let Some(asked) = self.queue.pop(self.traces.len(), now) {
            let method = self.settings.method;
            match self.prober.open(Target { address: asked.target, method }) {
                Ok(trace) => {
                    let active = Active::new(self.settings.trace.clone(), asked, now);
                    self.traces.insert(trace, active);
                    self.order.push(trace);
                }
                Err(error @ OpenError::NoSocket { .. }) if self.may_wait(&asked, now) => {
                    if self.queue.is_short(now) {
                        warn!(%error, "{SHORTAGE}");
                    }
                    self.queue.put_back(asked);
                }
                Err(error) => {
                    if matches!(error, OpenError::NoSocket { .. }) {
                        self.metrics.short_of_sockets(Shortage::GaveUp);
                    }
                    // Who asked may be gone.
                    let _ = asked.done.send(not_begun(&error));
                }
            }
        }
    }

    /// Whether one that has no socket to begin with may begin later: when another
    /// one has ended, and without any within the time of a trace.
    fn may_wait(&self, asked: &Asked, now: Duration) -> bool {
        !self.traces.is_empty() || now < asked.since + self.settings.trace.max_duration
    }

    /// Until when there is nothing to send, if no answer comes.  The traces
    /// send in turns, one probe each.
    fn send_what_is_due(&mut self) -> Instant {
        let mut wait = self.base.elapsed() + IDLE;
        if let Some(due) = self.queue.due(self.traces.len()) {
            wait = wait.min(due);
        }
        let mut turn = std::mem::take(&mut self.order);
        let mut waiting = Vec::with_capacity(turn.len());
        while !turn.is_empty() {
            let mut again = Vec::with_capacity(turn.len());
            for trace in turn {
                match self.send_one(trace) {
                    Turn::Again => again.push(trace),
                    Turn::Wait(until) => {
                        wait = wait.min(until);
                        waiting.push(trace);
                    }
                    // Its sockets are for others, now.
                    Turn::Over => wait = Duration::ZERO,
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

    fn send_one(&mut self, trace: TraceId) -> Turn {
        let now = self.base.elapsed();
        let Some(active) = self.traces.get_mut(&trace) else { return Turn::Over };
        let pause = self.rate.empty_until(now).unwrap_or(now).max(active.rests_until);
        if pause > now {
            return Turn::Wait(pause);
        }
        let probe = match active.next(now) {
            Next::Send(probe) => probe,
            Next::Wait { until } => return Turn::Wait(until),
            Next::Done(_) => {
                let shortage = active.shortage.as_ref().map(ToString::to_string);
                if shortage.is_some() {
                    self.metrics.short_of_sockets(Shortage::GaveUp);
                }
                let outcome = active.outcome();
                self.finish(trace, outcome, shortage);
                return Turn::Over;
            }
        };
        match active.send(&mut self.prober, trace, probe) {
            Ok(()) => {
                self.rate.take();
                Turn::Again
            }
            // The trace has given up a probe that the prober has not: its end comes, and
            // is an end of the wait.
            Err(SendError::FlowBusy) => Turn::Wait(now + IDLE),
            Err(error) if error.is_short_of_sockets() => self.wait_for_socket(trace, error, now),
            Err(error) => {
                self.finish(trace, Outcome::Failed, Some(error.to_string()));
                Turn::Over
            }
        }
    }

    /// The next probe of a trace has no socket: a younger trace makes room, or it
    /// waits for the end of another one.
    fn wait_for_socket(&mut self, trace: TraceId, error: SendError, now: Duration) -> Turn {
        if self.queue.is_short(now) {
            warn!(%error, "{SHORTAGE}");
        }
        let numbers = self.traces.iter().map(|(id, active)| (active.asked.number, *id));
        if let Some((_, youngest)) = numbers.max()
            && youngest != trace
        {
            self.put_back(youngest);
            return Turn::Again;
        }
        let pause = now + RETRY;
        if let Some(active) = self.traces.get_mut(&trace) {
            if active.shortage.replace(error).is_none() {
                self.metrics.short_of_sockets(Shortage::Waited);
            }
            active.rests_until = pause;
        }
        Turn::Wait(pause)
    }

    fn put_back(&mut self, trace: TraceId) {
        self.prober.close(trace);
        if let Some(active) = self.traces.remove(&trace) {
            self.metrics.short_of_sockets(Shortage::BeganAgain);
            self.queue.put_back(active.asked);
        }
    }

    fn finish(&mut self, trace: TraceId, outcome: Outcome, detail: Option<String>) {
        self.prober.close(trace);
        let Some(active) = self.traces.remove(&trace) else { return };
        active.finish(&self.settings, self.base.elapsed(), outcome, detail);
        self.queue.ended();
        for waiting in self.traces.values_mut() {
            waiting.rests_until = Duration::ZERO;
        }
    }
}

/// What a trace does next.
enum Turn {
    /// Perhaps it sends more.
    Again,
    /// Nothing, if no answer comes before.
    Wait(Duration),
    /// It has ended.
    Over,
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

#[cfg(test)]
mod tests;
