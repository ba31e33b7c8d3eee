//! Why the program does not start, or ends.

use std::io;

use trigpoint_process::{Failure, listen};

/// Start and end of the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] trigpoint_spool::Error),
    /// The collector's address, certificates or token cannot be used.
    #[error(transparent)]
    Uplink(#[from] trigpoint_uplink::Error),
    /// The admin endpoint has no port.
    #[error(transparent)]
    Admin(#[from] listen::Error),
    /// Probes cannot be sent.
    #[error(transparent)]
    Engine(#[from] crate::engine::StartError),
    /// A metric has its name twice.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    /// A thread did not start.
    #[error("cannot start thread `{name}`: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Error {
    /// As an exit code: what the configuration is to blame for is bad usage.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Spool(_) | Self::Uplink(_) => Failure::usage(self),
            other => other.into(),
        }
    }
}
