//! Time: monotonic for durations and schedules, wall only for stamping.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// One instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// `CLOCK_MONOTONIC`, nanoseconds.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME`, microseconds since the Unix epoch.
    pub wall_us: i64,
}

impl Moment {
    /// Microseconds from `earlier` to `self` on the monotonic clock.
    pub fn since_us(self, earlier: Self) -> u64 {
        self.monotonic_ns.saturating_sub(earlier.monotonic_ns) / 1_000
    }
}

/// Where the time comes from; tests inject their own.
pub(crate) trait Clock {
    fn now(&self) -> Moment;
}

/// The kernel's clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let monotonic = clock_gettime(ClockId::Monotonic);
        // A clock before 1970 stamps 0 rather than failing a measurement.
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment {
            monotonic_ns: monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64,
            wall_us: wall.as_micros() as i64,
        }
    }
}
