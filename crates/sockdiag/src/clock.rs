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

/// Readings of both clocks that lie further apart are not of one instant: the
/// thread lost the processor between them.
const ONE_INSTANT_NS: u64 = 100_000;
/// After so many tries the last reading is taken, on whatever machine that is.
const TRIES: usize = 10;

/// The kernel's clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let mut now = Moment::default();
        for _ in 0..TRIES {
            now = Moment { monotonic_ns: monotonic_ns(), wall_us: wall_us() };
            if monotonic_ns() - now.monotonic_ns <= ONE_INSTANT_NS {
                break;
            }
        }
        now
    }
}

fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A clock before 1970 stamps 0 rather than failing a measurement.
fn wall_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64
}
