//! Watches the process's memory, and ends the largest query when it is too much.
//!
//! Some operators of DataFusion 55 keep rows and ask no pool: a window without bounds,
//! and `array_agg` of texts, which counts 16 bytes for each whatever its length.
//! The kernel's count sees them, and does not say whose they are: who has asked for
//! most is taken for the culprit.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use datafusion::execution::memory_pool::MemoryPool as _;

use super::Share;

/// Between two looks while queries run; a core fills some 40 MB of new memory in it.
const RUNNING: Duration = Duration::from_millis(20);
/// And while none does.
const IDLE: Duration = Duration::from_millis(500);
/// The allocator keeps what is freed for a second (mimalloc's `purge_delay`).
const RETURNED: Duration = Duration::from_secs(2);

/// Those that run.
#[derive(Debug, Default)]
pub(super) struct Executions {
    running: Mutex<Vec<Weak<Share>>>,
    /// Another one has begun.
    begun: Condvar,
    /// How many have ended.
    ended: AtomicUsize,
}

impl Executions {
    pub(super) fn add(&self, share: &Arc<Share>) {
        self.lock().push(Arc::downgrade(share));
        self.begun.notify_one();
    }

    /// Waits for the time of the next look.
    fn wait(&self) {
        let running = self.lock();
        let pause = if running.is_empty() { IDLE } else { RUNNING };
        drop(self.begun.wait_timeout(running, pause));
    }

    /// Those that still run.
    fn running(&self) -> Vec<Arc<Share>> {
        let mut running = self.lock();
        let before = running.len();
        running.retain(|share| share.strong_count() > 0);
        self.ended.fetch_add(before - running.len(), Ordering::Relaxed);
        running.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Share>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches until the executions are dropped; the process may grow by `bytes` and an
/// eighth, and by `beside`.
pub(super) fn start(executions: &Arc<Executions>, bytes: usize, beside: usize) -> io::Result<()> {
    let most = resident_bytes()? + bytes + bytes / 8 + beside;
    let reason =
        format!("all queries together have {} MiB, and the process has grown by more", bytes >> 20);
    let mut guard = Guard { most, slack: bytes / 16, settled: Instant::now(), peak: None, reason };
    let executions = Arc::downgrade(executions);
    let watch = move || {
        while let Some(watched) = executions.upgrade() {
            let running = watched.running();
            let ended = watched.ended.swap(0, Ordering::Relaxed);
            match resident_bytes() {
                Ok(resident) => guard.look(resident, &running, ended > 0),
                Err(error) => {
                    tracing::error!(%error, "the memory of queries is not watched any more");
                    return;
                }
            }
            drop(running);
            watched.wait();
        }
    };
    std::thread::Builder::new().name("memory guard".to_owned()).spawn(watch)?;
    Ok(())
}

struct Guard {
    /// Resident bytes that are too many.
    most: usize,
    /// By how much they may still rise while memory is given back.
    slack: usize,
    /// When what the last query had is given back.
    settled: Instant,
    /// Resident bytes above `most` from which memory is being given back.
    peak: Option<usize>,
    reason: String,
}

impl Guard {
    fn look(&mut self, resident: usize, running: &[Arc<Share>], has_ended: bool) {
        let now = Instant::now();
        let is_ending = running.iter().any(|share| share.interrupt.is_over());
        if has_ended || is_ending {
            self.settled = now + RETURNED;
        }
        if resident > self.most || running.is_empty() {
            give_back();
        }
        if resident <= self.most {
            self.peak = None;
            return;
        }
        let is_settling = now < self.settled;
        match self.peak {
            None if is_settling => self.peak = Some(resident),
            Some(peak) if is_settling && resident <= peak + self.slack => {}
            _ => {
                self.peak = Some(resident);
                self.settled = now + RETURNED;
                let candidates = running.iter().filter(|share| !share.interrupt.is_over());
                if let Some(largest) = candidates.max_by_key(|share| share.own.reserved()) {
                    let (mib, asked) = (resident >> 20, largest.own.reserved() >> 20);
                    tracing::warn!(
                        mib,
                        asked,
                        "the process grew too large: its largest query ends"
                    );
                    largest.interrupt.end(&self.reason);
                }
            }
        }
    }
}

/// Frees a block so large that the allocator looks for older ones to return: mimalloc
/// does so when it is called, and a process at rest keeps all that its queries had.
fn give_back() {
    const LARGE: usize = 4 << 20;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
}

/// What the kernel counts (proc_pid_status(5)).
fn resident_bytes() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("/proc/self/status has no VmRSS"))
}
