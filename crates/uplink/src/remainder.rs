//! What becomes of rows from the moment on at which a program is told to end.

use tokio::sync::watch;
use trigpoint_spool::{Entry, Error, Spool};

use crate::Status;

/// The rows of a program that ends.
#[derive(Debug)]
pub struct Remainder {
    spool: Spool,
    status: Option<watch::Receiver<Status>>,
    acknowledged_before: u64,
}

impl Remainder {
    /// Counts from now on: what leaves `spool` by the uplink of this `status`, if
    /// there is one.
    pub fn new(spool: Spool, status: Option<watch::Receiver<Status>>) -> Self {
        let acknowledged_before = acknowledged_rows(status.as_ref());
        Self { spool, status, acknowledged_before }
    }

    /// Rows that were acknowledged since.
    pub fn flushed_rows(&self) -> u64 {
        acknowledged_rows(self.status.as_ref()).saturating_sub(self.acknowledged_before)
    }

    /// Rows in the spool that are not acknowledged; `None` if it cannot be read.
    /// Reads all of them, and waits for the disk.
    pub fn unflushed_rows(&self) -> Option<u64> {
        self.count()
            .inspect_err(|error| tracing::error!(%error, "nobody knows how many rows are left"))
            .ok()
    }

    fn count(&self) -> Result<u64, Error> {
        let (mut seq, mut rows) = (self.spool.acknowledged(), 0);
        while let Some(entry) = self.spool.read_after(seq)? {
            seq = entry.last_seq();
            if let Entry::Batch { payload, .. } = entry {
                rows += trigpoint_wire::rows(&payload).unwrap_or_default();
            }
        }
        Ok(rows)
    }
}

fn acknowledged_rows(status: Option<&watch::Receiver<Status>>) -> u64 {
    status.map(|status| status.borrow().acknowledged_rows).unwrap_or_default()
}
