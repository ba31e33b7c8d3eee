//! Why the service does not start, or ends.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Start and end of the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A port is in use, or an address is not of this host.
    #[error("cannot listen on {address}: {source}{hint}", hint = bind_hint(source))]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The path of the event socket cannot be taken.
    #[error("cannot listen on event socket `{}`: {source}{hint}", path.display(), hint = path_hint(source))]
    EventSocket {
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel does not have the algorithm that was asked for.
    #[error("cannot use congestion control `{algorithm}`: {source}; this host allows {available}")]
    CongestionControl {
        /// What was asked for.
        algorithm: String,
        /// What the kernel said.
        source: io::Error,
        /// `net.ipv4.tcp_allowed_congestion_control`, as far as it can be read.
        available: String,
    },
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

fn bind_hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port or end the program that has it",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege, choose another",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this host",
        _ => "",
    }
}
