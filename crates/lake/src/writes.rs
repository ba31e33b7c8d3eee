//! Which writes of this process are on their way to a commit.
//!
//! Their files are in no version yet.  Vacuum takes files that are in no
//! version when they are old; a file of a write that was held up (a laptop
//! asleep for hours between the file and its commit) is old and still wanted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

/// The writes in flight, and when each began by the wall clock: that of the
/// files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writes {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    began: BTreeMap<u64, DateTime<Utc>>,
}

/// A write in flight; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight {
    writes: Writes,
    number: u64,
}

impl Writes {
    /// Must be called before the write's first file.
    pub(crate) fn begin(&self) -> InFlight {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let number = inner.next;
        inner.next += 1;
        inner.began.insert(number, Utc::now());
        InFlight { writes: self.clone(), number }
    }

    /// When the oldest write in flight began.
    pub(crate) fn oldest(&self) -> Option<DateTime<Utc>> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.began.values().min().copied()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut inner = self.writes.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.began.remove(&self.number);
    }
}
