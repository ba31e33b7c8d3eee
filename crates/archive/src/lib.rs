//! What leaves the tables: files that are whole or not there, and the picture of
//! one flow's snapshots.
//!
//! Is given values and gives text: what is asked of the tables, and in which SQL,
//! is the business of whoever calls.  Must never draw what was not measured.
#![forbid(unsafe_code)]

pub mod series;
mod whole_file;

pub use whole_file::{FileError, WholeFile};
