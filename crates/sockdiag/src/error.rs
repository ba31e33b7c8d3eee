//! What can go wrong between this crate and the kernel.

use std::io;

use crate::{Family, ParseError, SocketKey};

/// Errors of sock_diag sockets and of the sampler.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The socket could not be opened.
    #[error("cannot open a sock_diag socket (is CONFIG_INET_DIAG in the kernel?): {0}")]
    Open(#[source] io::Error),
    /// A socket option could not be set.
    #[error("cannot set {option} on a sock_diag socket: {source}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The destroy events could not be subscribed to.
    #[error("cannot join the destroy events of group {group}: {source}")]
    Join {
        /// Netlink group (`SKNLGRP_INET_TCP_DESTROY`, `SKNLGRP_INET6_TCP_DESTROY`).
        group: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// A request could not be sent.
    #[error("cannot send a sock_diag request: {0}")]
    Send(#[source] io::Error),
    /// An answer could not be received: `ENOBUFS` (the answer was lost) or
    /// `EAGAIN` (the kernel did not answer in time).
    #[error("cannot receive a sock_diag answer: {0}")]
    Receive(#[source] io::Error),
    /// A datagram was larger than the buffer.
    #[error("a sock_diag answer of {length} bytes does not fit the buffer of {buffer} bytes")]
    Truncated {
        /// Length of the datagram, bytes.
        length: usize,
        /// Length of the buffer, bytes.
        buffer: usize,
    },
    /// An answer could not be decoded.
    #[error("cannot decode a sock_diag answer: {0}")]
    Malformed(#[from] ParseError),
    /// The kernel refused a dump, or ended it with an error.
    #[error("the kernel refused to dump {family:?} sockets: {source}")]
    Dump {
        /// Address family of the dump.
        family: Family,
        /// What the kernel said.
        source: io::Error,
    },
    /// The sockets changed under the dump (`NLM_F_DUMP_INTR`), so it may lack some.
    #[error("the dump of {family:?} sockets was interrupted, it may lack some")]
    DumpInterrupted {
        /// Address family of the dump.
        family: Family,
    },
    /// The kernel refused an exact get.
    #[error("the kernel refused to show the socket {} -> {}: {source}", key.local, key.remote)]
    Get {
        /// The socket asked for.
        key: SocketKey,
        /// What the kernel said.
        source: io::Error,
    },
    /// The answer to an exact get was no socket and no error.
    #[error("no usable answer about the socket {} -> {}", key.local, key.remote)]
    NoAnswer {
        /// The socket asked for.
        key: SocketKey,
    },
    /// A setting is outside of its range.
    #[error("the sampler's {setting} must be {range}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A thread could not be started.
    #[error("cannot start the thread {name}: {source}")]
    Thread {
        /// Name of the thread.
        name: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A thread of the sampler ended by a panic.
    #[error("the thread {name} panicked, its message stands in the log")]
    Panicked {
        /// Name of the thread.
        name: &'static str,
    },
}
