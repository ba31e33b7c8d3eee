//! How much of a download may wait on this side of the line: it delays the
//! Close frame, and its memory is charged to the station.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tracing::warn;
use trigpoint_ndt7::spec;

/// Unsent bytes in the kernel before the socket stops being writable, while
/// nothing is known of the line and on a fast one. Without the option,
/// megabytes wait in front of a slow line (`reference/kernel-facts.md` E1, E2).
const MOST_UNSENT_BYTES: u64 = 128 << 10;
/// On the slowest line: less would make the loop run for every few segments.
const LEAST_UNSENT_BYTES: u64 = 16 << 10;
/// Of a slow line's time, each: what is unsent in the kernel, and the message
/// that is begun when the test ends.
const SHARE_OF_A_SECOND: u64 = 10;
/// Before so many round trips, what was delivered tells of the way there and
/// back, not of the line: in the first one it is nothing at all.
const KNOWN_AFTER_ROUND_TRIPS: u32 = 4;

/// The bound for one download's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backlog {
    /// For `TCP_NOTSENT_LOWAT`.
    unsent_bytes: u64,
    /// No longer message is begun.
    pub(crate) message_bytes: usize,
}

impl Backlog {
    /// While nothing is known of the line.
    pub(crate) const UNKNOWN: Self =
        Self { unsent_bytes: MOST_UNSENT_BYTES, message_bytes: spec::MAX_SCALED_MESSAGE_SIZE };

    /// For a line with such a round trip that delivered so much in such a time.
    pub(crate) fn of_line(delivered_bytes: u64, elapsed: Duration, round_trip: Duration) -> Self {
        if elapsed < round_trip * KNOWN_AFTER_ROUND_TRIPS {
            return Self::UNKNOWN;
        }
        let elapsed_us = (elapsed.as_micros() as u64).max(1);
        let bytes = delivered_bytes.saturating_mul(1_000_000 / SHARE_OF_A_SECOND) / elapsed_us;
        // Powers of two, so that the option is set seldom.
        let bytes = 1 << bytes.max(1).ilog2();
        let longest = spec::MAX_SCALED_MESSAGE_SIZE as u64;
        Self {
            unsent_bytes: bytes.clamp(LEAST_UNSENT_BYTES, MOST_UNSENT_BYTES),
            message_bytes: bytes.clamp(spec::INITIAL_MESSAGE_SIZE as u64, longest) as usize,
        }
    }

    /// Tells the kernel. A refusal costs quality, not the test.
    pub(crate) fn apply(self, socket: &TcpStream) {
        if let Err(error) = SockRef::from(socket).set_tcp_notsent_lowat(self.unsent_bytes as u32) {
            warn!(%error, "cannot bound the unsent bytes of a download");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: Duration = Duration::from_micros(50);

    #[test]
    fn a_slow_line_has_little_and_a_fast_one_as_much_as_an_unknown_one() {
        let of_rate = |bit_per_s: u64| Backlog::of_line(bit_per_s, Duration::from_secs(8), NEAR);
        assert_eq!(of_rate(0), of_rate(1_000_000), "the least of both");
        let slow = Backlog { unsent_bytes: 16 << 10, message_bytes: 8 << 10 };
        assert_eq!(of_rate(1_000_000), slow);
        // 20 Mbit/s: a quarter of a megabyte in a tenth of a second.
        let faster = Backlog { unsent_bytes: 128 << 10, message_bytes: 128 << 10 };
        assert_eq!(of_rate(20_000_000), faster);
        assert_eq!(of_rate(100_000_000), Backlog::UNKNOWN);
        assert_eq!(Backlog::of_line(u64::MAX, Duration::ZERO, Duration::ZERO), Backlog::UNKNOWN);
    }

    #[test]
    fn a_line_with_a_long_round_trip_is_no_slow_one_at_the_start() {
        let far = Duration::from_millis(200);
        for elapsed_ms in [25, 799] {
            let elapsed = Duration::from_millis(elapsed_ms);
            assert_eq!(Backlog::of_line(0, elapsed, far), Backlog::UNKNOWN);
            assert_ne!(Backlog::of_line(0, elapsed, NEAR), Backlog::UNKNOWN);
        }
        assert_ne!(Backlog::of_line(0, Duration::from_millis(800), far), Backlog::UNKNOWN);
    }
}
