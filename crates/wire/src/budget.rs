//! How much a payload may cost, and the account that is charged before each
//! allocation.

use crate::DecodeError;

/// What a collector accepts in one batch.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the compressed payload.
    pub payload_bytes: usize,
    /// Bytes of the message inside of the zstd frame.
    pub message_bytes: usize,
    /// Bytes of memory for the message and the arrays made from it.
    ///
    /// This bounds rows times columns, list items and repeated texts.
    pub memory_bytes: usize,
    /// Rows of the batch.
    pub rows: usize,
    /// Columns of the batch, those inside of structs and lists included.
    pub columns: usize,
}

/// Room for a batch's sequence number and table name in its gRPC message.
const ENVELOPE_BYTES: usize = 4 << 10;

impl Limits {
    /// Largest gRPC message that holds a batch within these limits.
    pub fn grpc_message_bytes(&self) -> usize {
        self.payload_bytes + ENVELOPE_BYTES
    }
}

impl Default for Limits {
    /// Far above what a station sends: some 2,000 rows of 110 columns make 250
    /// kB that compress to 100 kB.  A payload that a spool takes, up to a gRPC
    /// message of 4 MiB, is never too long.
    fn default() -> Self {
        Self {
            payload_bytes: (4 << 20) - ENVELOPE_BYTES,
            message_bytes: 16 << 20,
            memory_bytes: 64 << 20,
            rows: 1 << 16,
            columns: 1024,
        }
    }
}

/// What is left to spend on one batch.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    memory_bytes: usize,
    columns: usize,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, memory_bytes: limits.memory_bytes, columns: limits.columns }
    }

    /// Pays for `count` values of `bytes` each, before they are allocated.
    pub(crate) fn spend(&mut self, count: usize, bytes: usize) -> Result<(), DecodeError> {
        let left = count.checked_mul(bytes).and_then(|cost| self.memory_bytes.checked_sub(cost));
        self.memory_bytes = left.ok_or(DecodeError::Memory { limit: self.limits.memory_bytes })?;
        Ok(())
    }

    /// Counts a column of the message.
    pub(crate) fn column(&mut self) -> Result<(), DecodeError> {
        let left = self.columns.checked_sub(1);
        self.columns = left.ok_or(DecodeError::Columns { limit: self.limits.columns })?;
        self.spend(1, size_of::<crate::ingest::Column>())
    }
}
