//! What comes from the network or stands beside it, read from bytes: pure
//! functions, each with a fuzz target.
//!
//! None of them fails on a length, allocates by a length that a packet claims,
//! or reads beyond what it was given.

mod bytes;
mod checksum;
mod control;
mod extension;
mod icmp;
mod ip;
mod payload;

pub use checksum::{fold, ones_complement_sum};
pub use control::{Control, ExtendedError, Origin, socket_address};
pub use extension::{MplsLabel, mpls_labels};
pub use icmp::{Body, Icmp, Quote};
pub use ip::IpHeader;
pub use payload::{Nonce, Payload};
