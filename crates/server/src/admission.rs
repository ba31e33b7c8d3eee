//! Who may start a test.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use trigpoint_process::{Phase, Shutdown};
use trigpoint_record::tables::speed_tests::EndReason;

use crate::metrics::Metrics;

/// A client whose test ended so recently is in the middle of its session.
const SESSION: Duration = Duration::from_secs(30);
/// Clients remembered while their session may go on.
const MAX_REMEMBERED: usize = 65_536;
/// A test lasts about so long; then there is room again.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Why a test was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All places are taken.
    Busy,
    /// The station is about to end.
    Stopping,
    /// The query string is not acceptable.
    Query,
    /// The token is not acceptable.
    Token,
}

/// The bound on concurrent tests; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    max_tests: usize,
    shutdown: Shutdown,
    active: watch::Sender<usize>,
    sessions: Mutex<HashMap<IpAddr, Session>>,
    ended_by_themselves: AtomicU64,
    cut_off: AtomicU64,
    refused_while_stopping: AtomicU64,
    metrics: Metrics,
}

/// What is remembered of a client.
#[derive(Debug, Default)]
struct Session {
    running: usize,
    last_ended: Option<Instant>,
}

impl Session {
    /// A client sees the end of its test before the station does, and may begin its
    /// next one in between.
    fn goes_on(&self) -> bool {
        self.running > 0 || self.last_ended.is_some_and(|ended| ended.elapsed() < SESSION)
    }
}

/// Tests that have ended since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) by_themselves: u64,
    /// By the end of the station.
    pub(crate) cut_off: u64,
}

/// A place; given back when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Admitted {
    shared: Arc<Shared>,
    client: IpAddr,
}

impl Refusal {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Query => "query",
            Self::Token => "token",
        }
    }
}

impl Admission {
    pub(crate) fn new(max_tests: usize, shutdown: Shutdown, metrics: Metrics) -> Self {
        let shared = Shared {
            max_tests,
            shutdown,
            active: watch::Sender::new(0),
            sessions: Mutex::default(),
            ended_by_themselves: AtomicU64::new(0),
            cut_off: AtomicU64::new(0),
            refused_while_stopping: AtomicU64::new(0),
            metrics,
        };
        Self { shared: Arc::new(shared) }
    }

    /// A place, or when to try again.
    pub(crate) fn admit(&self, client: IpAddr) -> Result<Admitted, Duration> {
        let shared = &self.shared;
        let stopping = match shared.shutdown.phase() {
            Phase::Running => false,
            Phase::LameDuck => !self.in_session(client),
            Phase::Draining | Phase::Flushing | Phase::Done => true,
        };
        if stopping {
            self.refused(Refusal::Stopping);
            return Err(RETRY_AFTER);
        }
        let mut taken = false;
        shared.active.send_if_modified(|active| {
            taken = *active < shared.max_tests;
            *active += usize::from(taken);
            taken
        });
        if !taken {
            self.refused(Refusal::Busy);
            return Err(RETRY_AFTER);
        }
        shared.metrics.active_tests.inc();
        shared.remember(client, |session| session.running += 1);
        Ok(Admitted { shared: Arc::clone(shared), client })
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        if refusal == Refusal::Stopping {
            self.shared.refused_while_stopping.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.metrics.refused(refusal);
    }

    /// Tests refused because the station is about to end.
    pub(crate) fn refused_while_stopping(&self) -> u64 {
        self.shared.refused_while_stopping.load(Ordering::Relaxed)
    }

    /// Tests that have ended.
    pub(crate) fn ended(&self) -> Ended {
        Ended {
            by_themselves: self.shared.ended_by_themselves.load(Ordering::Relaxed),
            cut_off: self.shared.cut_off.load(Ordering::Relaxed),
        }
    }

    /// How many tests run, and every change of it.
    pub(crate) fn active(&self) -> watch::Receiver<usize> {
        self.shared.active.subscribe()
    }

    fn in_session(&self, client: IpAddr) -> bool {
        let sessions = self.shared.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&client).is_some_and(Session::goes_on)
    }
}

impl Shared {
    /// Changes what is remembered of a client, if there is room for it.
    fn remember(&self, client: IpAddr, change: impl FnOnce(&mut Session)) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_REMEMBERED {
            sessions.retain(|_, session| session.goes_on());
        }
        if sessions.len() < MAX_REMEMBERED || sessions.contains_key(&client) {
            change(sessions.entry(client).or_default());
        }
    }
}

impl Admitted {
    /// The place's test has ended, and gives the place back.
    pub(crate) fn ended(self, reason: EndReason) {
        let counter = match reason {
            EndReason::StationStopped => &self.shared.cut_off,
            _ => &self.shared.ended_by_themselves,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.shared.remember(self.client, |session| {
            session.running = session.running.saturating_sub(1);
            session.last_ended = Some(Instant::now());
        });
        self.shared.metrics.active_tests.dec();
        self.shared.active.send_modify(|active| *active -= 1);
    }
}
