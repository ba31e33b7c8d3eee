//! Why the lake could not be opened, written or loaded.

use std::path::PathBuf;

use deltalake::DeltaTableError;

/// A failed operation on the lake.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The location is neither a directory nor a URL that this build can open.
    #[error("cannot open a lake at `{location}`: {reason}")]
    Location {
        /// As it was given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A directory of the lake could not be used.
    #[error("cannot {operation} {}: {source}", path.display())]
    Directory {
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// The Delta log could not be read or written.
    #[error("cannot {operation} table {table}: {source}")]
    Delta {
        /// What was tried.
        operation: &'static str,
        /// On which table.
        table: &'static str,
        /// Delta's answer.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// An object could not be written.
    #[error("cannot write `{path}`: {source}")]
    Object {
        /// Path below the store's root.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// A stored column has another type than this version gives it.
    #[error(
        "column `{column}` of table {table} is stored as {stored}, this version writes {written}: \
         use the version that made the table, or another data directory"
    )]
    Incompatible {
        /// The table.
        table: &'static str,
        /// Path of the column, dots between struct fields.
        column: String,
        /// Type in the lake.
        stored: String,
        /// Type in this program.
        written: String,
    },
    /// Rows could not be encoded as Parquet.
    #[error("cannot encode rows of table {table}: {reason}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Parquet's or Arrow's answer.
        reason: String,
    },
    /// Rivals kept winning; nothing of the group is committed, try again later.
    #[error("table {table} is contended: {attempts} commits in a row were refused")]
    Contended {
        /// The table.
        table: &'static str,
        /// Commits that were tried.
        attempts: u32,
    },
}

impl Error {
    pub(crate) fn delta(
        operation: &'static str,
        table: &'static str,
    ) -> impl Fn(DeltaTableError) -> Self {
        move |source| Self::Delta { operation, table, source: Box::new(source) }
    }
}
