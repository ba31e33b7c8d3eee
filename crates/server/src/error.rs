//! Why the service does not start, or ends.

use std::io;
use std::path::PathBuf;

use trigpoint_process::listen;

/// Start and end of the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port cannot be taken.
    #[error(transparent)]
    Bind(#[from] listen::Error),
    /// The path of the event socket cannot be taken.
    #[error("cannot listen on event socket `{}`: {source}{hint}", path.display(), hint = path_hint(source))]
    EventSocket {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel does not have the algorithm that was asked for.
    #[error(
        "cannot use congestion control `{algorithm}`: {source}; a socket here can choose {available}"
    )]
    CongestionControl {
        /// What was asked for.
        algorithm: String,
        /// What the kernel said.
        source: io::Error,
        /// Those that a socket can choose, which its host may widen by
        /// `net.ipv4.tcp_allowed_congestion_control`.
        available: String,
    },
    /// The key of synthetic tests is not there.
    #[error("cannot tell synthetic tests: {0}")]
    Synthetic(#[from] crate::SyntheticError),
    /// The kernel's socket diagnostics are not there.
    #[error("cannot read sockets: {0}")]
    Sockdiag(#[from] trigpoint_sockdiag::Error),
    /// A thread did not start.
    #[error("cannot start thread `{name}`: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

fn path_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another path, or end the program that listens there",
        io::ErrorKind::NotFound => "; make its directory first",
        _ => "",
    }
}
