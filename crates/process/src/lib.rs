//! What every Trigpoint process does the same way: settings and exit codes,
//! telemetry, the admin endpoint, TLS and token files, facts about the host, the
//! termination message, and the phases of shutdown (ARCHITECTURE.md, "Shutdown").
//!
//! This crate must never know what a process serves.

pub mod admin;
pub mod duration;
pub mod exit;
pub mod facts;
pub mod host;
pub mod limits;
pub mod listen;
pub mod shutdown;
pub mod telemetry;
pub mod termination;
pub mod tls;
pub mod tokens;

pub use exit::Failure;
pub use shutdown::{Phase, Shutdown};

/// The version of every Trigpoint crate and executable.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
