//! What queries may take from the machine, all together and each.
//!
//! DataFusion's operators ask a pool before they keep rows, and spill to disk
//! where they can when it refuses.  Each execution has a pool of its own, in
//! which its operators share fairly, over one account that all charge.  What no
//! pool is asked for, the `guard` sees.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{fs, io, process};

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use super::constants::SmallConstants;
use super::interrupt::Interrupt;
use guard::Executions;

mod guard;

/// Bounds on queries.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes that all queries together may take in memory.
    pub memory_bytes: usize,
    /// Bytes that one query may take in memory.
    pub query_memory_bytes: usize,
    /// By how many bytes the process may grow beside: when it has grown by more than
    /// that and `memory_bytes` and an eighth, its largest query ends.  `None` where its
    /// size says nothing about queries.
    pub beside_bytes: Option<usize>,
    /// Directory for what does not fit; made if it is missing.
    pub spill_directory: PathBuf,
    /// Bytes that all queries together may have there.
    pub spill_bytes: u64,
    /// How old the snapshot of a table may be that a query reads.
    pub snapshot_age: Duration,
}

/// [`Limits`] at work.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(super) runtime: Arc<RuntimeEnv>,
    account: Arc<Account>,
    executions: Arc<Executions>,
    query_memory_bytes: usize,
    pub(super) snapshot_age: Duration,
}

/// Of two bytes that a query may take, it may keep rows in one.  An operator asks for
/// what it keeps, and not for the copy of it while it grows, sorts, joins, spills or
/// sends: `count(DISTINCT text)` and a hash join were measured at 1.8 and 1.3 times
/// what they had asked for.
const KEPT: usize = 2;

impl Resources {
    pub(crate) fn new(limits: &Limits) -> Result<Self> {
        let spill = spill_folder(&limits.spill_directory)?;
        let runtime = RuntimeEnvBuilder::new()
            .with_temp_file_path(spill)
            .with_max_temp_directory_size(limits.spill_bytes)
            .build_arc()?;
        let account = Account { limit: limits.memory_bytes / KEPT, used: AtomicUsize::new(0) };
        let executions = Arc::new(Executions::default());
        if let Some(beside) = limits.beside_bytes {
            guard::start(&executions, limits.memory_bytes, beside)?;
        }
        Ok(Self {
            runtime,
            account: Arc::new(account),
            executions,
            query_memory_bytes: limits.query_memory_bytes.min(limits.memory_bytes) / KEPT,
            snapshot_age: limits.snapshot_age,
        })
    }

    /// What one execution may take, until it is interrupted.
    pub(super) fn share(&self, interrupt: &Interrupt) -> Result<Arc<RuntimeEnv>> {
        let share = Arc::new(Share {
            own: FairSpillPool::new(self.query_memory_bytes),
            account: Arc::clone(&self.account),
            interrupt: interrupt.clone(),
        });
        self.executions.add(&share);
        RuntimeEnvBuilder::from_runtime_env(&self.runtime).with_memory_pool(share).build_arc()
    }

    /// Constants of which a batch fits into a quarter of a query's memory.
    pub(super) fn constants(&self) -> SmallConstants {
        const ROWS_OF_A_BATCH: usize = 8192;
        SmallConstants { bytes: self.query_memory_bytes / 4 / ROWS_OF_A_BATCH }
    }

    /// Bytes of rows that queries keep in memory right now.
    pub(super) fn memory_bytes(&self) -> usize {
        self.account.used.load(Ordering::Relaxed)
    }

    /// Bytes that they have on disk.
    pub(super) fn spilled_bytes(&self) -> u64 {
        self.runtime.disk_manager.used_disk_space()
    }
}

/// A folder of this process's own, without those that killed ones left.
fn spill_folder(directory: &Path) -> io::Result<PathBuf> {
    const PREFIX: &str = "spill-of-process-";
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok());
        // In a container that starts again, everybody is process 1.
        let is_left =
            |pid: u32| pid == process::id() || !Path::new("/proc").join(pid.to_string()).exists();
        if pid.is_some_and(is_left) {
            fs::remove_dir_all(entry.path())?;
        }
    }
    let folder = directory.join(format!("{PREFIX}{}", process::id()));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// What all queries have taken.
#[derive(Debug)]
struct Account {
    limit: usize,
    used: AtomicUsize,
}

impl Account {
    fn try_add(&self, bytes: usize) -> bool {
        let added = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added).is_ok()
    }
}

/// The pool of one execution.
#[derive(Debug)]
struct Share {
    own: FairSpillPool,
    account: Arc<Account>,
    interrupt: Interrupt,
}

impl MemoryPool for Share {
    fn name(&self) -> &'static str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.account.used.fetch_add(additional, Ordering::Relaxed);
        self.own.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.account.used.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.interrupt.check()?;
        if !self.account.try_add(additional) {
            return Err(resources_datafusion_err!(
                "all queries together may keep rows in {} MiB",
                self.account.limit >> 20
            ));
        }
        self.own.try_grow(reservation, additional).inspect_err(|_| {
            self.account.used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.own, formatter)
    }
}
