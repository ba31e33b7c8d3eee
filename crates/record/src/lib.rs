//! The tables, columns and rows of everything that Trigpoint stores.
//!
//! One definition serves the wire, the Delta schema and the documentation;
//! each of those is a loop over [`Table::columns`].
//! This crate must never know Arrow, protobuf or JSON.

mod array;
mod cell;
mod column;
mod filling;
mod identity;
pub mod kernel;
mod station;
pub mod tables;
mod value;

pub use array::{Array, Batch, KindMismatch, Value, Values};
pub use column::{Column, Kind, Privacy, Table};
pub use identity::{FlowId, FlowIdPrefix, SCHEMA_VERSION, SpoolId, TraceId};
pub use station::{STATION_COLUMNS, Station};
pub use tables::{INGEST_COLUMNS, TABLES, table};

#[cfg(test)]
mod tests;
