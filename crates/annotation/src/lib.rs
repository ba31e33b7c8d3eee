//! Where an address is, and whose network it is in, from files in MaxMind's
//! format.
//!
//! [`Databases`] holds the files and follows their replacement, [`Snapshot`] is
//! what a batch of rows is annotated from, [`build`] makes such a file from CSV.

mod address;
mod build;
mod country;
mod database;
mod databases;
mod geography;
mod network;
mod number;
mod stamp;

pub use build::{BuildError, Built, DATABASE_TYPE, build};
pub use database::{Kind, LoadError};
pub use databases::{Databases, Reload, Snapshot};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
