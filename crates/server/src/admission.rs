//! Who may start a test.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use trigpoint_process::{Phase, Shutdown};

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
    ended: Mutex<HashMap<IpAddr, Instant>>,
    refused_while_stopping: AtomicU64,
    metrics: Metrics,
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
        }
    }
}

impl Admission {
    pub(crate) fn new(max_tests: usize, shutdown: Shutdown, metrics: Metrics) -> Self {
        let shared = Shared {
            max_tests,
            shutdown,
            active: watch::Sender::new(0),
            ended: Mutex::default(),
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

    /// How many tests run, and every change of it.
    pub(crate) fn active(&self) -> watch::Receiver<usize> {
        self.shared.active.subscribe()
    }

    fn in_session(&self, client: IpAddr) -> bool {
        let ended = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get(&client).is_some_and(|ended| ended.elapsed() < SESSION)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut ended = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= MAX_REMEMBERED {
            ended.retain(|_, ended| ended.elapsed() < SESSION);
        }
        if ended.len() < MAX_REMEMBERED {
            ended.insert(self.client, Instant::now());
        }
        drop(ended);
        self.shared.metrics.active_tests.dec();
        self.shared.active.send_modify(|active| *active -= 1);
    }
}
