//! The program as a whole: events in, rows out, and how it ends.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{error, warn};
use trigpoint_mlab::FlowEvent;
use trigpoint_prober::{Exclude, Prober};
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Phase, Shutdown, VERSION, listen, termination};
use trigpoint_record::Station;
use trigpoint_record::tables::traces::Trigger;
use trigpoint_spool::Spool;
use trigpoint_uplink::{Delivery, Endpoint, Outbox, OutboxMetrics, Remainder, Uplink};

use crate::Error;
use crate::eligibility::Rules;
use crate::engine::{self, Engine, StartError};
use crate::flows::Flows;
use crate::metrics::Metrics;
use crate::reader::{Read, Reader, Source};
use crate::recorder::Recorder;
use crate::scheduler::{Limits, Scheduler};

/// How long the server must have had nobody, so that a program that is to end
/// does not wait for the server's end.
const QUIET: Duration = Duration::from_secs(5);
/// A server that ends with us takes on, for so long, who is in the middle of a
/// session (its own lame duck).
const SESSIONS: Duration = Duration::from_secs(15);
/// How long an interrupted trace may take to hand over what it has.
const INTERRUPTED: Duration = Duration::from_secs(2);

/// Whom to trace, and how.
#[derive(Debug, Clone)]
pub struct Tracing {
    /// What a client is traced at.
    pub trigger: Trigger,
    /// Whether only connections count that carried a test.
    pub tests_only: bool,
    /// Networks that are left alone.
    pub exclude: Exclude,
    /// Whether private addresses are left alone.
    pub skip_private: bool,
    /// Traces at the same time.
    pub max_running: usize,
    /// Clients that wait at the same time.
    pub max_waiting: usize,
    /// How long a trace is repeated for others from the same address.
    pub cache_age: Duration,
    /// How each trace is made.
    pub engine: engine::Settings,
}

/// How long the end may take.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// How long clients of a server that ends too are still taken on, at most.
    pub lame_duck: Duration,
    /// How long traces that run may go on then, at most.
    pub grace: Duration,
    /// How long the rest is delivered after that, at most.
    pub flush_deadline: Duration,
}

/// What the program is made of.
#[derive(Debug)]
pub struct Settings {
    /// Where events come from.
    pub events: Source,
    /// Whom to trace, and how.
    pub tracing: Tracing,
    /// Addresses and port of the admin endpoint; 0 takes a free one.
    pub admin: Option<(Vec<IpAddr>, u16)>,
    /// What every row says about the station.
    pub identity: Station,
    /// Directory of its spool.
    pub spool_directory: PathBuf,
    /// Bounds of its spool.
    pub spool: trigpoint_spool::Settings,
    /// Where the collector is; without one, everything stays in the spool.
    pub collector: Option<Endpoint>,
    /// How long the end may take.
    pub ending: Ending,
}

/// The program with everything taken that it needs, not tracing yet.
#[derive(Debug)]
pub struct Service {
    reader: Reader,
    flows: Flows,
    scheduler: Scheduler<Engine>,
    recording: std::thread::JoinHandle<()>,
    spool: Spool,
    uplink: Option<trigpoint_uplink::Settings>,
    admin: Vec<TcpListener>,
    registry: Registry,
    metrics: Metrics,
    ending: Ending,
}

impl Service {
    /// Whether probes can be sent and the collector's endpoint would be taken; takes no
    /// port and no spool.
    pub fn check(settings: &Settings) -> Result<(), Error> {
        Prober::new(settings.tracing.engine.prober.clone()).map_err(StartError::from)?;
        Ok(settings.collector.iter().try_for_each(Endpoint::check)?)
    }

    /// Checks the settings, opens the spool, and takes the port of the admin
    /// endpoint. Nothing is traced or delivered before [`Service::run`]: a program
    /// that is refused says why, and its uplink has not said anything. Must be
    /// called inside a tokio runtime.
    pub fn assemble(settings: Settings) -> Result<Self, Error> {
        Self::check(&settings)?;
        let registry = Registry::new();
        let Settings { events, tracing, identity, ending, .. } = settings;
        let spool = Spool::open(settings.spool_directory, settings.spool)?;
        let uplink = settings.collector.map(|endpoint| trigpoint_uplink::Settings {
            flush_deadline: ending.flush_deadline,
            ..trigpoint_uplink::Settings::new(endpoint, identity.clone())
        });
        let metrics = Metrics::new(&registry)?;
        let admin = settings.admin.map(|(addresses, port)| listen::bind(&addresses, port));
        let admin = admin.transpose()?.unwrap_or_default();
        let engine = Engine::start(tracing.engine, metrics.clone())?;
        let outbox = Outbox::new(spool.clone(), OutboxMetrics::new(&registry)?);
        let (recorder, recording) = Recorder::start(identity, outbox, metrics.clone())?;
        let rules = Rules { exclude: tracing.exclude, skip_private: tracing.skip_private };
        let limits = Limits {
            running: tracing.max_running,
            waiting: tracing.max_waiting,
            cache_age: tracing.cache_age,
        };
        Ok(Self {
            reader: Reader::new(events, metrics.clone()),
            flows: Flows::new(tracing.trigger, tracing.tests_only),
            scheduler: Scheduler::new(engine, rules, limits, recorder, metrics.clone()),
            recording,
            spool,
            uplink,
            admin,
            registry,
            metrics,
            ending,
        })
    }

    /// Addresses of the admin endpoint.
    pub fn admin_addresses(&self) -> Vec<SocketAddr> {
        self.admin.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Traces until `shutdown` has come to its end, and moves it there.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<termination::Outcome, Error> {
        let uplink = self.uplink.take();
        let uplink =
            uplink.map(|settings| Uplink::spawn(self.spool.clone(), settings)).transpose()?;
        let status = uplink.as_ref().map(Uplink::status);
        self.registry.register(Box::new(Delivery::new(self.spool.clone(), status.clone())?))?;
        for listener in std::mem::take(&mut self.admin) {
            let admin = Admin { registry: self.registry.clone(), shutdown: shutdown.clone() };
            tokio::spawn(async move {
                if let Err(error) = admin::serve(listener, admin).await {
                    error!(%error, "the admin endpoint ended");
                }
            });
        }
        let spool = self.spool.clone();
        let remainder = async {
            shutdown.reached(Phase::LameDuck).await;
            Remainder::new(spool, status)
        };
        let (began, remainder) = tokio::join!(self.follow(&shutdown), remainder);
        shutdown.advance(Phase::Draining);
        self.drain(&shutdown).await;
        let drained = began.elapsed();
        shutdown.advance(Phase::Flushing);
        drop(self.scheduler);
        let recording = self.recording;
        if let Ok(Err(_)) | Err(_) = tokio::task::spawn_blocking(move || recording.join()).await {
            error!("the recording thread panicked");
        }
        if let Some(uplink) = uplink {
            tokio::select! {
                () = uplink.finish() => {}
                () = shutdown.reached(Phase::Done) => {}
            }
        }
        shutdown.advance(Phase::Done);
        Ok(termination::Outcome {
            version: VERSION,
            aborted: None,
            completed: None,
            flushed_rows: remainder.flushed_rows(),
            unflushed_rows: remainder.unflushed_rows(),
            drain_ms: drained.as_millis() as u64,
            flush_ms: began.elapsed().saturating_sub(drained).as_millis() as u64,
        })
    }

    /// Takes clients on until nobody is expected any more, and then those that were
    /// told by then; gives when the end began.
    async fn follow(&mut self, shutdown: &Shutdown) -> Instant {
        let mut is_over = false;
        let mut ends: Option<Instant> = None;
        let mut busy = Instant::now();
        loop {
            let is_busy = self.flows.open() > 0 || !self.scheduler.is_idle();
            if is_busy {
                busy = Instant::now();
            }
            // A server that ends with us may still have tests that run.
            let nobody = ends.map(|ends| match (self.reader.is_connected(), is_busy) {
                (false, _) => Instant::now(),
                (true, true) => ends,
                (true, false) => {
                    let began = ends - self.ending.lame_duck;
                    ends.min((busy + QUIET).max(began + SESSIONS))
                }
            });
            let nobody_comes = async {
                match nobody {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.reached(Phase::Draining) => break,
                () = shutdown.reached(Phase::LameDuck), if ends.is_none() => {
                    ends = Some(Instant::now() + self.ending.lame_duck);
                }
                () = nobody_comes => break,
                () = self.scheduler.advance() => {}
                // The last, since it may always have something.
                read = self.reader.next(), if !is_over => match read {
                    Some(Read::Connected) => busy = Instant::now(),
                    Some(Read::Event(event)) => self.take(event),
                    Some(Read::CutOff) => {
                        for client in self.flows.cut_off() {
                            self.scheduler.take(client);
                        }
                    }
                    None => is_over = true,
                },
            }
        }
        for event in self.reader.rest() {
            self.take(event);
        }
        ends.map_or_else(Instant::now, |ends| ends - self.ending.lame_duck)
    }

    fn take(&mut self, event: FlowEvent) {
        if let Some(client) = self.flows.take(event) {
            self.scheduler.take(client);
        }
        self.metrics.missed.inc_by(self.flows.take_missed());
    }

    /// Begins the traces of whoever is still there, and lets those that run come
    /// to their end.
    async fn drain(&mut self, shutdown: &Shutdown) {
        for client in self.flows.cut_off() {
            self.scheduler.take(client);
        }
        self.scheduler.stop();
        let scheduler = &mut self.scheduler;
        let running = async {
            while !scheduler.is_idle() {
                scheduler.advance().await;
            }
        };
        let by_themselves = tokio::select! {
            ended = timeout(self.ending.grace, running) => ended.is_ok(),
            () = shutdown.reached(Phase::Flushing) => self.scheduler.is_idle(),
        };
        if !by_themselves {
            warn!("traces that run are interrupted");
            self.scheduler.interrupt();
            let scheduler = &mut self.scheduler;
            let interrupted = async {
                while !scheduler.is_idle() {
                    scheduler.advance().await;
                }
            };
            if timeout(INTERRUPTED, interrupted).await.is_err() {
                self.scheduler.abandon();
            }
        }
    }
}

#[cfg(test)]
mod tests;
