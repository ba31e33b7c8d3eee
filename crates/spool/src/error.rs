//! What can go wrong with a spool, and what a person can do about it.

use std::{io, path::PathBuf};

use crate::{MAX_PAYLOAD_BYTES, MAX_TABLE_BYTES};

/// Why a call on the spool failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another `Spool` in this one, has the directory.
    #[error(
        "spool {} is in use by another process: stop it, or give this one its own directory",
        directory.display()
    )]
    Locked {
        /// The spool's directory.
        directory: PathBuf,
    },
    /// The operating system refused an operation.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The payload would not fit in one message to the collector.
    #[error("a batch of {bytes} bytes is over the limit of {MAX_PAYLOAD_BYTES}: split it")]
    PayloadTooLarge {
        /// Length of the payload.
        bytes: usize,
    },
    /// The table's name is too long for a record.
    #[error("a table name of {bytes} bytes is over the limit of {MAX_TABLE_BYTES}")]
    TableNameTooLong {
        /// Length of the name.
        bytes: usize,
    },
    /// The sequence number is none that a spool could have given.
    #[error("sequence number {seq} is out of range")]
    SequenceOutOfRange {
        /// The number.
        seq: u64,
    },
}

impl Error {
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { operation, path, source }
    }
}
