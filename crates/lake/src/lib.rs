//! The Delta tables: what is stored, exactly once, and the SQL over it.
//!
//! Owns the layout on disk and in object stores: schemas made from
//! [`trigpoint_record::Table`], sorted Parquet files per UTC date, commits that
//! carry a marker per stream, and sessions that read through the Delta log.
//! Must never report a row as committed before data file, log entry and their
//! directories are durable, and never read by listing data files: files of
//! refused or crashed commits lie beside the live ones.
//!
//! Specification: <https://github.com/delta-io/delta/blob/master/PROTOCOL.md>.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use trigpoint_lake::{Format, Lake};
//! let lake = Lake::open("trigpoint-data/lake")?;
//! let answer = lake.session().query("SELECT count(*) FROM snapshots").await?;
//! trigpoint_lake::write(answer, Format::Table { width: Some(100) }, &mut std::io::stdout()).await?;
//! # Ok(())
//! # }
//! ```

mod append;
mod bucket;
pub mod check;
mod connections;
mod convert;
mod error;
mod file;
mod format;
mod functions;
mod lake;
mod live;
mod location;
mod maintenance;
mod markers;
mod ownership;
mod probe;
mod quarantine;
mod schema;
mod session;
mod store;
mod table;
#[cfg(test)]
mod testing;
mod views;
mod writes;

pub use append::{Appended, Group};
pub use convert::{ConvertError, Description, Rows, Sent, Shape, check};
pub use error::Error;
pub use format::{Format, FormatError, UnknownFormat, write};
pub use lake::Lake;
pub use location::store_at;
pub use maintenance::{
    Compacted, Compaction, Cut, LogCleaning, RETAINED_BEFORE, Retained, Vacuum, Vacuumed,
};
pub use session::{
    Answer, CATALOG, Interrupt, Limits, Origin, Plan, QueryError, Relation, Session, Versions,
};
pub use store::{DurableStore, Fsync};
