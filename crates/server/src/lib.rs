//! The ndt7 service of a station: tests over ws and wss, the sampler that
//! watches their sockets, the recording of both into a spool, and the event
//! socket that tells others of them.
//!
//! Needs no privilege and no `unsafe`.
//! Protocol: `trigpoint-ndt7`; what M-Lab's server does: `reference/protocols.md` 1.
#![forbid(unsafe_code)]

mod accept;
mod admission;
mod backlog;
mod clock;
mod connection;
mod counted;
mod error;
mod events;
mod exchange;
mod handshake;
mod measurement;
mod measurer;
mod metrics;
mod outgoing;
mod page;
mod recorders;
mod recording;
mod service;
mod settings;
pub mod station;
mod synthetic;
mod test;

pub use error::Error;
pub use metrics::Metrics;
pub use recording::Recording;
pub use service::Server;
pub use settings::{LameDuck, Settings};
pub use synthetic::{Error as SyntheticError, Synthetic};

use std::time::Duration;

use trigpoint_process::Shutdown;
use trigpoint_record::FlowIdPrefix;
use trigpoint_record::tables::Pair;
use trigpoint_sockdiag::Watcher;

/// What every connection needs.
#[derive(Debug)]
struct Shared {
    admission: admission::Admission,
    shutdown: Shutdown,
    metrics: Metrics,
    measurer: measurer::Measurer,
    watcher: Watcher,
    recording: recording::Handle,
    events: Option<events::Handle>,
    prefix: FlowIdPrefix,
    congestion_control: Option<String>,
    test_duration: Duration,
    max_runtime: Duration,
    server_metadata: Vec<Pair>,
    synthetic: Option<Synthetic>,
}

#[cfg(test)]
mod tests;
