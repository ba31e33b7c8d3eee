//! The station's durable queue: an append-only log of batches on local disk
//! that keeps every measurement until a collector has committed it.
//!
//! It owns one directory:
//!
//! | file | holds |
//! |---|---|
//! | `id` | the random name of this spool, made once |
//! | `FIRST.segment` | records from sequence number FIRST on, append only |
//! | `FIRST-LAST.dropped` | nothing: its name says what the size cap took away |
//!
//! Sequence numbers start at 1, rise by one and are never given twice, so a
//! hole in them is what was lost, and readers get it as an [`Entry::Gap`].
//! Opening changes no segment: whatever lies behind the last whole record of
//! the newest one is left alone, and appending goes on in a new segment.
//! There is no ledger of acknowledgements to go wrong: after a restart the
//! oldest segment is sent again, and the collector's markers drop what it has.
//!
//! It must never lose a record whose append returned, nor refuse to open after
//! a torn write.

mod age;
mod directory;
mod disk;
mod error;
mod identity;
mod log;
mod reader;
mod record;
mod segment;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::watch;

pub use error::Error;
pub use record::{MAX_PAYLOAD_BYTES, MAX_TABLE_BYTES};

use crate::{
    directory::Directory,
    disk::{Disk, LocalDisk},
    log::Log,
    reader::Reader,
};

/// Bounds of a spool.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// A segment is closed before it grows beyond this, in bytes.  At most a
    /// quarter of `max_bytes` is used, so that the cap takes little at a time.
    pub segment_bytes: u64,
    /// Size cap over all segments, in bytes; beyond it the oldest segment is
    /// dropped.  The newest record is always kept.
    pub max_bytes: u64,
}

impl Default for Settings {
    /// Segments of 8 MiB, a cap of 1 GiB.
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, max_bytes: 1 << 30 }
    }
}

/// What a reader finds at a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A batch, exactly as it was appended.
    Batch {
        /// Its sequence number.
        seq: u64,
        /// The table that its rows belong to.
        table: String,
        /// Its bytes.
        payload: Vec<u8>,
    },
    /// Batches that are lost.
    Gap {
        /// First lost sequence number.
        first_seq: u64,
        /// Last lost sequence number.
        last_seq: u64,
        /// How they were lost.
        reason: GapReason,
    },
}

impl Entry {
    /// The last sequence number that this entry stands for: where to go on.
    pub fn last_seq(&self) -> u64 {
        match self {
            Self::Batch { seq, .. } => *seq,
            Self::Gap { last_seq, .. } => *last_seq,
        }
    }
}

/// How batches were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// Dropped because the spool was at its size cap.
    SizeCap,
    /// Damaged on disk, or never finished by an interrupted append.
    Damaged,
}

impl GapReason {
    /// The reason's name on the wire and in the `stations` table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SizeCap => "size_cap",
            Self::Damaged => "damaged",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An open spool; clones share it, and the last one to go unlocks it.
///
/// Calls that touch the disk block, so async code runs them on a blocking
/// thread: [`append`](Self::append), [`read_after`](Self::read_after),
/// [`acknowledge`](Self::acknowledge), [`continue_after`](Self::continue_after).
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
}

struct Shared {
    id: String,
    log: Mutex<Log>,
    reader: Mutex<Reader>,
    appended: watch::Sender<u64>,
    acknowledged: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    waiting_since: Mutex<Option<Instant>>,
}

impl Spool {
    /// Opens the spool in `directory`, which is made if it does not exist.
    ///
    /// Torn writes and damaged bytes do not hinder it; a directory that cannot
    /// be written to does.
    pub fn open(directory: impl AsRef<Path>, settings: Settings) -> Result<Self, Error> {
        let path = directory.as_ref();
        Self::on(Box::new(LocalDisk::open(path)?), path, settings)
    }

    /// Opens the spool on `disk`, which is called `path` in errors.
    fn on(disk: Box<dyn Disk>, path: &Path, settings: Settings) -> Result<Self, Error> {
        let directory = Arc::new(Directory::new(path, disk));
        let id = identity::load(&directory)?;
        let log = Log::open(Arc::clone(&directory), &id, settings)?;
        let shared = Shared {
            reader: Mutex::new(Reader::new(directory, log.checksum())),
            appended: watch::Sender::new(log.last_seq()),
            acknowledged: AtomicU64::new(log.acknowledged()),
            bytes: AtomicU64::new(log.bytes()),
            dropped: AtomicU64::new(0),
            waiting_since: Mutex::new(log.waiting_since()),
            log: Mutex::new(log),
            id,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The spool's random name: the stream's name for exactly-once.
    pub fn id(&self) -> &str {
        &self.shared.id
    }

    /// Appends a batch and returns its sequence number once it is durable.
    ///
    /// After an error the spool is as it was before, and the call may be
    /// repeated.
    pub fn append(&self, table: &str, payload: &[u8]) -> Result<u64, Error> {
        let mut log = self.log();
        let appended = log.append(table, payload);
        self.publish(&log);
        appended
    }

    /// The first entry behind `seq`, or `None` when there is nothing yet.
    ///
    /// What is acknowledged is passed over, so 0 means "from the oldest".
    pub fn read_after(&self, seq: u64) -> Result<Option<Entry>, Error> {
        let mut reader = self.shared.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.read_after(seq, || self.log())
    }

    /// Everything up to `seq` is committed elsewhere: frees whole segments.
    ///
    /// An error says that segments could not be removed, which is tried again;
    /// what is acknowledged is not read any more all the same.
    pub fn acknowledge(&self, seq: u64) -> Result<(), Error> {
        let mut log = self.log();
        let acknowledged = log.acknowledge(seq);
        self.publish(&log);
        acknowledged
    }

    /// Makes the next append follow `seq`, if it would not do so already.
    ///
    /// For a collector that knows more of this spool than the disk does, which
    /// happens when the disk lost writes that it had reported as durable.
    pub fn continue_after(&self, seq: u64) -> Result<(), Error> {
        let mut log = self.log();
        let continued = log.continue_after(seq);
        self.publish(&log);
        continued
    }

    /// The highest sequence number ever given, 0 before the first.
    pub fn last_seq(&self) -> u64 {
        *self.shared.appended.borrow()
    }

    /// Everything up to this sequence number is known to be acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// The highest sequence number given, to wait for the next one.
    pub fn appended(&self) -> watch::Receiver<u64> {
        self.shared.appended.subscribe()
    }

    /// Bytes of all segments on disk.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Batches dropped at the size cap since the spool was opened.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// How long the oldest batch waits that is neither acknowledged nor lost,
    /// to within a few hundredths; `None` when there is none.  After a restart
    /// it counts from the last change of the oldest segment.
    pub fn age(&self) -> Option<Duration> {
        let since = self.shared.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map(|since| since.elapsed())
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Every method of the log leaves it consistent before it can panic.
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the figures that can be read without waiting for the disk.
    fn publish(&self, log: &Log) {
        self.shared.acknowledged.store(log.acknowledged(), Ordering::Relaxed);
        self.shared.bytes.store(log.bytes(), Ordering::Relaxed);
        self.shared.dropped.store(log.dropped(), Ordering::Relaxed);
        *self.shared.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) =
            log.waiting_since();
        self.shared.appended.send_if_modified(|seq| {
            let modified = *seq != log.last_seq();
            *seq = log.last_seq();
            modified
        });
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Spool")
            .field("id", &self.shared.id)
            .field("last_seq", &self.last_seq())
            .field("acknowledged", &self.acknowledged())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
