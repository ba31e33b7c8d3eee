//! Databases in files, as a collector uses them.

mod build;
mod lookup;
mod reload;
mod wrong;
