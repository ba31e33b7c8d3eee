//! What queries may take from the machine, all together and each.
//!
//! DataFusion's operators ask a pool before they keep rows, and spill to disk
//! where they can when it refuses.  Each execution has a pool of its own, in
//! which its operators share fairly, over one account that all charge.

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

/// Bounds on queries.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of rows that all queries together may keep in memory.
    pub memory_bytes: usize,
    /// Bytes of rows that one query may keep in memory.
    pub query_memory_bytes: usize,
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
    query_memory_bytes: usize,
    pub(super) snapshot_age: Duration,
}

impl Resources {
    pub(crate) fn new(limits: &Limits) -> Result<Self> {
        let spill = spill_folder(&limits.spill_directory)?;
        let runtime = RuntimeEnvBuilder::new()
            .with_temp_file_path(spill)
            .with_max_temp_directory_size(limits.spill_bytes)
            .build_arc()?;
        let account = Account { limit: limits.memory_bytes, used: AtomicUsize::new(0) };
        Ok(Self {
            runtime,
            account: Arc::new(account),
            query_memory_bytes: limits.query_memory_bytes.min(limits.memory_bytes),
            snapshot_age: limits.snapshot_age,
        })
    }

    /// What one execution may take.
    pub(super) fn share(&self) -> Result<Arc<RuntimeEnv>> {
        let own = FairSpillPool::new(self.query_memory_bytes);
        let share = Share { own, account: Arc::clone(&self.account) };
        RuntimeEnvBuilder::from_runtime_env(&self.runtime)
            .with_memory_pool(Arc::new(share))
            .build_arc()
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
        if !self.account.try_add(additional) {
            return Err(resources_datafusion_err!(
                "all queries together have {} MiB",
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
