//! The kernel's view of TCP sockets over netlink sock_diag: dumps, exact gets,
//! destroy events, and the sampler that turns them into flows.
//!
//! Own std threads only ([`Sampler`]); a caller that wants one socket's state
//! at once opens an [`Inspector`] on its own thread.
//! This crate must never block on a slow reader, close a flow because a dump
//! failed, or read more than the length the kernel gave.
//!
//! Source: `net/ipv4/inet_diag.c`, `net/core/sock_diag.c`, sock_diag(7);
//! behaviour found by experiment: `kernel-facts.md` C and D.

#[cfg(not(target_os = "linux"))]
compile_error!("trigpoint measures through Linux sock_diag: build it on Linux");

mod clock;
mod counters;
mod error;
mod flow;
mod key;
mod message;
mod netlink;
mod recorder;
mod sampler;
mod source;
mod sys;

pub use clock::Moment;
pub use counters::{Counter, Counters, LATENESS_BOUNDS_US, Lateness};
pub use error::Error;
pub use flow::{Closed, FinalFrom, Flow, Polled, RttSummary, Watched};
pub use key::{Family, SocketKey};
pub use message::{ParseError, SocketMessage, state};
pub use netlink::{Datagram, Frame, FrameKind, Inspector, Netlink};
pub use recorder::Recorder;
pub use sampler::{Sampler, Settings, WATCHED_PERIOD, Watcher};
pub use source::{Reply, Source};
