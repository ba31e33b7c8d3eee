//! Both clocks at one instant, and what two kernel stamps between them are worth.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::{Rtt, Timing};

/// One instant on both clocks, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// `CLOCK_MONOTONIC`.
    pub(crate) monotonic_ns: i64,
    /// `CLOCK_REALTIME`, since the epoch.
    pub(crate) wall_ns: i64,
}

/// Readings of both clocks that lie further apart are not of one instant: the
/// thread lost the processor between them.
const ONE_INSTANT_NS: i64 = 100_000;
/// After so many tries the last reading is taken, on whatever machine that is.
const TRIES: usize = 10;
/// A clock that was disciplined stays within this of the monotonic one; one that was
/// set does not (500 ppm, adjtimex(2)'s most, are 1 ms in two seconds).
const STEP_NS: i64 = 1_000_000;

impl Moment {
    pub(crate) fn now() -> Self {
        let mut now = Self { monotonic_ns: 0, wall_ns: 0 };
        for _ in 0..TRIES {
            now = Self { monotonic_ns: read(ClockId::Monotonic), wall_ns: read(ClockId::Realtime) };
            if read(ClockId::Monotonic) - now.monotonic_ns <= ONE_INSTANT_NS {
                break;
            }
        }
        now
    }

    fn wall_minus_monotonic_ns(self) -> i64 {
        self.wall_ns - self.monotonic_ns
    }

    /// What lies between the call that sent a probe (`self`) and the one that read its
    /// answer.
    ///
    /// A program may read an answer long after the kernel stamped it, so the interval
    /// of the stamps can be much shorter than the monotonic one on a busy machine, but
    /// never longer.  What tells a step for certain is that the wall clock's distance
    /// from the monotonic one changed.
    pub(crate) fn timing(self, read: Self, sent_ns: Option<u64>, came_ns: Option<u64>) -> Timing {
        let elapsed_ns = read.monotonic_ns - self.monotonic_ns;
        let step_ns = read.wall_minus_monotonic_ns() - self.wall_minus_monotonic_ns();
        let rtt = match (sent_ns, came_ns) {
            (Some(sent), Some(came)) => {
                let rtt_ns = came.cast_signed() - sent.cast_signed();
                let is_possible = (0..=elapsed_ns + STEP_NS).contains(&rtt_ns);
                if step_ns.abs() > STEP_NS || !is_possible {
                    Rtt::ClockStepped
                } else {
                    Rtt::Kernel(Duration::from_nanos(rtt_ns.cast_unsigned()))
                }
            }
            _ => Rtt::Unstamped,
        };
        Timing {
            transmitted_ns: sent_ns,
            received_ns: came_ns,
            elapsed: Duration::from_nanos(u64::try_from(elapsed_ns).unwrap_or(0)),
            rtt,
        }
    }
}

fn read(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    /// Wall clock at monotonic zero.
    const WALL: i64 = 1_800_000_000_000 * MS;

    /// A probe sent at 0 and stamped at 1 ms; its answer is stamped `came` and read at
    /// `read`, by when the wall clock has been set by `step`.
    fn rtt(came: i64, read: i64, step: i64) -> Rtt {
        let before = Moment { monotonic_ns: 0, wall_ns: WALL };
        let after = Moment { monotonic_ns: read, wall_ns: WALL + read + step };
        let stamp = |at: i64| Some((WALL + at).cast_unsigned());
        before.timing(after, stamp(MS), stamp(came)).rtt
    }

    #[test]
    fn stamps_of_one_clock_are_a_round_trip_however_late_they_are_read() {
        let measured = Rtt::Kernel(Duration::from_millis(20));
        assert_eq!(rtt(21 * MS, 21 * MS, 0), measured);
        assert_eq!(rtt(21 * MS, 500 * MS, 0), measured);
        assert_eq!(rtt(21 * MS, 22 * MS, MS / 2), measured);
    }

    #[test]
    fn a_clock_that_was_set_in_between_leaves_no_round_trip() {
        for step in [-3_600_000 * MS, -2 * MS, 2 * MS, 3_600_000 * MS] {
            assert_eq!(rtt(21 * MS + step, 22 * MS, step), Rtt::ClockStepped, "{step}");
        }
        // Set after the probe's stamp and back before the answer was read.
        assert_eq!(rtt(900 * MS, 22 * MS, 0), Rtt::ClockStepped);
        assert_eq!(rtt(0, 22 * MS, 0), Rtt::ClockStepped);
    }

    #[test]
    fn a_missing_stamp_is_no_zero() {
        let now = Moment::now();
        let timing = now.timing(Moment::now(), None, Some(5));
        assert_eq!((timing.rtt, timing.transmitted_ns), (Rtt::Unstamped, None));
    }
}
