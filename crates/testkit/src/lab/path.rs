//! What a path does to frames, as plain values.
//!
//! A frame that enters a direction meets, in this order: the policer, the queue
//! and the link behind it, loss on the way, delay with its jitter.  Lengths are
//! those of Ethernet frames without preamble and checksum, as `tc` counts them.

use std::time::Duration;

mod loss;
mod pipe;
mod random;

pub use loss::Loss;
pub use pipe::{Dropped, Pipe};

/// Both directions of a path; the default is a perfect wire.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Path {
    /// From the client to the server: an upload's data.
    pub forward: Direction,
    /// From the server to the client: a download's data.
    pub backward: Direction,
}

impl Path {
    /// The same in both directions, but for the random draws.
    pub fn symmetric(direction: Direction) -> Self {
        // Half of the numbers of a generator that steps by one are another's.
        let seed = direction.seed ^ 0x5bd1_e995_0000_0000;
        Self { forward: direction, backward: Direction { seed, ..direction } }
    }
}

/// One direction of a path; the default is a perfect wire.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Direction {
    /// Least time that a frame takes, besides its queue and its transmission.
    pub delay: Duration,
    /// What is added to the delay at random.
    pub jitter: Jitter,
    /// Frames that vanish on the way.
    pub loss: Loss,
    /// The slowest link and its queue; without one, frames take no time to send.
    pub bottleneck: Option<Bottleneck>,
    /// A limit on rate that drops instead of queueing.
    pub policer: Option<Policer>,
    /// Decides loss and jitter of the n-th frame, whenever that arrives.
    pub seed: u64,
}

/// Additional delay, uniformly distributed from zero to `spread`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jitter {
    /// The largest additional delay.
    pub spread: Duration,
    /// Whether a frame may overtake an earlier one; otherwise it waits for it,
    /// which makes the delay of frames in quick succession less random.
    pub reorders: bool,
}

/// A link that sends one frame after the other, and the queue in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bottleneck {
    /// Rate of Ethernet frames, bit/s.
    pub rate_bit_per_s: u64,
    /// Most bytes waiting or being sent; a frame beyond that is dropped (drop
    /// tail).  An idle link takes a frame of any length.
    pub queue_bytes: u64,
}

/// A token bucket, full at first, that drops what it has no tokens for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policer {
    /// Rate at which the bucket fills, bit/s of Ethernet frames.
    pub rate_bit_per_s: u64,
    /// What the bucket holds, bytes; a longer frame never passes.
    pub burst_bytes: u64,
}
