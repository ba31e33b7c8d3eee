//! The ingest service: batches from stations' spools in, rows in the lake and
//! acknowledgements out.
//!
//! Owns the streams of all stations and the one task that commits what they
//! brought.  Must never acknowledge a batch before the lake said that it is
//! durable, and must never let one station's bytes end anything but that
//! station's stream: everything that arrives is hostile.
//!
//! | file | owns |
//! |---|---|
//! | `service`, `authenticator` | a new stream: who is it, is there room |
//! | `attested` | what the cluster knows of a station, in place of what it says |
//! | `session` | one stream from Hello to its end |
//! | `sequence` | which sequence numbers may follow which |
//! | `batch` | a payload to rows, or the reason why not |
//! | `annotation` | what the databases know of the addresses in it |
//! | `pending`, `cadence`, `committer` | what waits, when it is due, group commit |
//! | `memory` | bounds on what waits |
//! | `maintenance` | care of the tables, beside all that |
//!
//! Contract: `proto/trigpoint/ingest/v1/ingest.proto`; rules: ARCHITECTURE.md,
//! "Exactly once".

mod annotation;
mod attested;
mod authenticator;
mod batch;
mod cadence;
mod collector;
mod committer;
mod gap;
mod hello;
mod maintenance;
mod memory;
mod metrics;
mod pending;
mod sequence;
mod service;
mod session;
mod settings;
mod stream;

pub use authenticator::Authenticator;
pub use collector::{Collector, transport};
pub use service::Service;
pub use settings::{Annotation, Maintenance, Settings};

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
