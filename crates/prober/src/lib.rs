//! Sends probes with a chosen TTL along a chosen flow, and says what came back:
//! the transports under a multipath traceroute.
//!
//! # Without privilege
//!
//! By default probes are UDP datagrams of ordinary sockets, and the kernel hands the
//! ICMP errors about them to the socket's error queue (`IP_RECVERR`), with its own
//! stamps of the moments at which a probe left and an answer came.  That needs no
//! capability and no sysctl, and shows less than a raw socket: see [`Reply`].  ICMP
//! echo works where `net.ipv4.ping_group_range` allows, TCP on request, and raw
//! sockets ([`Settings::raw`]) with `CAP_NET_RAW`.
//!
//! # Threads
//!
//! [`Prober`] is one epoll set on the caller's thread: [`Transport::send`] and
//! [`Transport::wait`] are plain calls, and [`Waker`] interrupts a wait from another
//! thread.  An answer comes once for each probe and takes microseconds to read, so
//! one thread reads 10,000 flows' sockets with room to spare; and everything that a
//! flow knows stays without locks, which tasks on an async runtime, one for each
//! socket, would need for what they share.
//!
//! A flow is one socket for its whole life, because the kernel draws a new IPv6 flow
//! label whenever a socket connects.  So 10,000 outstanding probes, each of a flow of
//! its own, take 10,000 descriptors; [`raise_descriptor_limit`] asks for more than
//! the usual 1,024.
//!
//! # Who may answer
//!
//! Everybody can send ICMP errors.  A probe carries a random nonce; an answer that
//! quotes another one is ignored and counted ([`Counters`]).  Some routers quote too
//! little to see: their answer is taken only while it can be for one probe, and says
//! so ([`Match::PortOnly`]).
//!
//! Source: ip(7), ipv6(7), icmp(7), RFC 792, 1071, 4443, 4884, 4950; behaviour found
//! by experiment: `kernel-facts.md` B.

#[cfg(not(target_os = "linux"))]
compile_error!("trigpoint traces through Linux error queues: build it on Linux");

mod clock;
mod counters;
mod error;
mod exclude;
pub mod packet;
mod prober;
mod reply;
mod settings;
mod sys;
mod target;
mod transport;

pub use counters::{Counters, Ignored};
pub use error::{OpenError, SendError, SetupError, WaitError};
pub use exclude::{Exclude, ParsePrefixError, Prefix};
pub use prober::{Prober, Waker, raise_descriptor_limit};
pub use reply::{Kind, Match, Outer, Quoted, Reply, Rtt, Timing};
pub use settings::{Family, Method, Settings, Target};
pub use target::{ResolveError, resolve};
pub use transport::{Event, Probe, Sent, TraceId, Transport};
