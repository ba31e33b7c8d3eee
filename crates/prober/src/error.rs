//! What can go wrong between this crate and the kernel.

use std::io;
use std::net::IpAddr;

use rustix::io::Errno;

use crate::{Family, Prefix};

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The epoll set or the waker could not be made.
    #[error("cannot make the {what} of a prober: {source}")]
    Poll {
        /// Which of both.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// Raw sockets were asked for and are not allowed.
    #[error(
        "cannot open a raw {family} socket (that takes CAP_NET_RAW; leave out raw mode to trace without it): {source}"
    )]
    Raw {
        /// Of which family.
        family: Family,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Why a trace cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The target is of a network that is not to be probed.
    #[error("{target} is not traced: it is of {prefix}, which is excluded")]
    Excluded {
        /// The target.
        target: IpAddr,
        /// What excludes it.
        prefix: Prefix,
    },
    /// No packet can be sent there.
    #[error("there is no route to {target} from here{}", no_family(*target))]
    NoRoute {
        /// The target.
        target: IpAddr,
    },
    /// The kernel was built or started without this family.
    #[error("cannot trace {target}: this host has no {}", Family::of(*target))]
    NoFamily {
        /// The target.
        target: IpAddr,
    },
    /// Ping sockets are not for this process.
    #[error(
        "cannot send ICMP echo without privilege: this process's group is not in the sysctl net.ipv4.ping_group_range; probe by UDP, or allow the group"
    )]
    PingNotAllowed,
    /// This process, or the host, has no socket left: try again later.
    #[error("no socket is free for a trace to {target}: {source}")]
    NoSocket {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another reason.
    #[error("cannot open a socket to {target}: {source}")]
    Socket {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

/// A hint at the usual reason.
fn no_family(target: IpAddr) -> &'static str {
    if target.is_ipv6() { ": has this host an IPv6 address?" } else { "" }
}

/// Why a probe was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The trace was closed, or never opened.
    #[error("cannot probe: the trace is not open")]
    NoTrace,
    /// As many flows as the settings allow are open: try again when a trace was closed.
    #[error("cannot open another flow: {limit} sockets are open, the most that is allowed")]
    TooManyFlows {
        /// [`crate::Settings::sockets`].
        limit: usize,
    },
    /// A TCP flow has one probe at a time: try again after its event.
    #[error("the flow still waits for its last probe's answer")]
    FlowBusy,
    /// The kernel has no room now: try again later.
    #[error("cannot send to {target} now: {source}")]
    Full {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// This process, or the host, has no socket left for the flow: nothing was sent; try
    /// again later.
    #[error("no socket is free for a flow to {target}: {source}")]
    NoSocket {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused again and again.
    #[error("cannot send to {target}: {source}")]
    Refused {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// A flow's socket could not be made.
    #[error("cannot open a flow to {target}: {source}")]
    Flow {
        /// The target.
        target: IpAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

impl SendError {
    /// Whether there was no socket for the flow, so that nothing was sent; and there may be
    /// one when other traces have been closed.
    pub fn is_short_of_sockets(&self) -> bool {
        matches!(self, Self::TooManyFlows { .. } | Self::NoSocket { .. })
    }
}

/// Whether the kernel cannot open a socket now and may later: no descriptor of this
/// process or of the host (socket(2)), no memory, no port for it (`EAGAIN` of a datagram
/// socket that connects), no room in the set of what is waited for (`ENOSPC`, epoll(7)).
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let shortages =
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::AGAIN, Errno::NOSPC];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

/// The kernel could not be waited for.
#[derive(Debug, thiserror::Error)]
#[error("cannot wait for answers: {0}")]
pub struct WaitError(#[from] pub(crate) io::Error);
