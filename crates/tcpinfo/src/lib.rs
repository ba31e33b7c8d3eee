//! What the kernel says about a TCP socket, as data: `struct tcp_info` of any
//! length, the congestion-control blocks and the socket's memory.
//!
//! Each structure is one table of [`Field`]s; decoding, encoding and
//! documentation are loops over it ([`Block`]).
//! This crate must never fail on a length, turn an absent field into 0, or read
//! a clock.
//!
//! Source: `include/uapi/linux/{tcp,inet_diag,sock_diag}.h`.
//! Integers are little-endian, as on every machine that stations run on.

mod block;
pub mod congestion;
pub mod field;
mod layout;
pub mod memory;

pub use block::Block;
pub use congestion::{Bbr, Congestion, Dctcp, Vegas};
pub use field::{FIELD_COUNT, FIELDS, TcpInfo};
pub use layout::{Field, Layout, Unit};
pub use memory::{Meminfo, SkMeminfo};

/// The bytes of `struct tcp_info` that age while nothing happens:
/// `last_data_sent_ms` to `last_ack_recv_ms`.
const AGES: std::ops::Range<usize> = 44..60;

/// Whether two raw `struct tcp_info` of one socket differ in more than ages.
pub fn changed(previous: &[u8], current: &[u8]) -> bool {
    let differs = |(at, (one, other)): (usize, (&u8, &u8))| one != other && !AGES.contains(&at);
    previous.len() != current.len() || previous.iter().zip(current).enumerate().any(differs)
}

#[cfg(test)]
mod tests;
