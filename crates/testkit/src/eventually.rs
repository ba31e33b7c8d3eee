//! Waiting for something that another process does.

use std::time::{Duration, Instant};

/// How often a condition is tried: far below any deadline, far above a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// Tries `condition` until it gives a value; fails the test after `deadline`.
#[track_caller]
pub fn eventually<T>(
    deadline: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(start.elapsed() < deadline, "not within {deadline:?}: {what}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where a suite polls")]
fn pause() {
    std::thread::sleep(PAUSE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_returns_the_first_value() {
        let mut tries = 0;
        let value = eventually(Duration::from_secs(5), "third try", || {
            tries += 1;
            (tries == 3).then_some("found")
        });
        assert_eq!((value, tries), ("found", 3));
    }

    #[test]
    fn it_fails_at_the_deadline_and_says_what_was_missing() {
        let result = std::panic::catch_unwind(|| {
            eventually(Duration::from_millis(20), "rain", || None::<()>);
        });
        let message = *result.unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("rain"), "{message}");
    }
}
