//! The phases a process goes through on its way out.
//!
//! A phase never goes back. Signals and `/drain` start the walk; the program
//! that owns the work moves it on when a phase has done its part.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::info;

#[cfg(test)]
mod tests;

/// Where a process stands between serving and gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Everything is served.
    Running,
    /// Only clients whose test has just ended here may still start their next one.
    LameDuck,
    /// No new test; those that run end by themselves.
    Draining,
    /// No test is left; what was recorded goes to the spool and to the collector.
    Flushing,
    /// Nothing is left to do.
    Done,
}

/// A handle on the phase of this process; clones share it.
#[derive(Debug, Clone)]
pub struct Shutdown {
    phase: watch::Sender<Phase>,
}

impl Shutdown {
    /// A walk that nothing but its handles starts: for tests and for parts of a process.
    #[must_use]
    pub fn new() -> Self {
        Self { phase: watch::Sender::new(Phase::Running) }
    }

    /// As [`Self::new`], and SIGTERM and SIGINT start the walk: the first signal
    /// enters lame duck, the second skips to flushing, the third gives up.
    ///
    /// Must be called inside a tokio runtime.
    pub fn install() -> io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = Self::new();
        let handle = shutdown.clone();
        tokio::spawn(async move {
            for next in [Phase::LameDuck, Phase::Flushing, Phase::Done] {
                tokio::select! {
                    _ = terminate.recv() => info!(?next, "SIGTERM"),
                    _ = interrupt.recv() => info!(?next, "SIGINT"),
                }
                handle.advance(next);
            }
        });
        Ok(shutdown)
    }

    /// The phase right now.
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Starts the walk, as a first signal does; later calls change nothing.
    pub fn begin(&self) {
        self.advance(Phase::LameDuck);
    }

    /// Moves on to `to`, unless the process is already there or further.
    pub fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let moves = *phase < to;
            if moves {
                *phase = to;
            }
            moves
        });
    }

    /// Waits until the process is in `phase` or past it. Safe to cancel.
    pub async fn reached(&self, phase: Phase) {
        let mut changes = self.phase.subscribe();
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = changes.wait_for(|now| *now >= phase).await;
    }

    /// Every change of the phase, for code that selects on several things.
    pub fn subscribe(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
