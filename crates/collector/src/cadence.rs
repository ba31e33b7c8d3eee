//! When the next commit is due.
//!
//! Every commit makes files and lengthens the log, so rows wait for company;
//! a finished test waits little, since somebody may be looking for it, and a
//! station that ends does not wait at all, since it brings no more.

use std::time::Duration;

use tokio::time::Instant;

use crate::Settings;

/// A commit takes at most this share of the time.
const SPACING: u32 = 10;

/// What of the pending batches decides when they are due.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) rows: usize,
    /// Most batches of one spool.
    pub(crate) most_batches: usize,
    /// When the first batch came.
    pub(crate) oldest: Option<Instant>,
    /// When the first finished test came.
    pub(crate) oldest_test: Option<Instant>,
    /// A stream waits for memory that only a commit frees.
    pub(crate) pressed: bool,
    /// A station that ends waits for its last acknowledgement.
    pub(crate) finished: bool,
}

#[derive(Debug)]
pub(crate) struct Cadence {
    settings: Settings,
    not_before: Option<Instant>,
}

impl Cadence {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, not_before: None }
    }

    /// When what waits should be committed; `None` while nothing is.
    pub(crate) fn due(&self, waiting: &Waiting) -> Option<Instant> {
        let Settings { commit_after, commit_at_latest, commit_rows, commit_batches, .. } =
            self.settings;
        let oldest = waiting.oldest?;
        let enough = waiting.rows >= commit_rows
            || waiting.most_batches >= commit_batches
            || waiting.pressed
            || waiting.finished;
        let waited = if enough { oldest } else { oldest + commit_at_latest };
        let tested = waiting.oldest_test.map(|test| test + commit_after);
        let wanted = tested.map_or(waited, |tested| tested.min(waited));
        Some(self.not_before.map_or(wanted, |not_before| not_before.max(wanted)))
    }

    /// Takes note of a commit.
    pub(crate) fn committed(&mut self, started: Instant, took: Duration) {
        self.not_before = Some(started + (took * SPACING).min(self.settings.commit_spacing));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn waiting(oldest: Instant) -> Waiting {
        Waiting { oldest: Some(oldest), rows: 1, ..Waiting::default() }
    }

    #[test]
    fn rows_wait_thirty_seconds_and_a_finished_test_two() {
        let (cadence, start) = (Cadence::new(Settings::default()), Instant::now());
        assert_eq!(cadence.due(&Waiting::default()), None);
        assert_eq!(cadence.due(&waiting(start)), Some(start + 30 * SECOND));
        let tested = Waiting { oldest_test: Some(start + 3 * SECOND), ..waiting(start) };
        assert_eq!(cadence.due(&tested), Some(start + 5 * SECOND));
        let late = Waiting { oldest_test: Some(start + 29 * SECOND), ..waiting(start) };
        assert_eq!(cadence.due(&late), Some(start + 30 * SECOND));
    }

    #[test]
    fn enough_rows_many_batches_want_of_memory_or_a_finished_station_are_due_at_once() {
        let (cadence, start) = (Cadence::new(Settings::default()), Instant::now());
        for full in [
            Waiting { rows: 50_000, ..waiting(start) },
            Waiting { most_batches: 100, ..waiting(start) },
            Waiting { pressed: true, ..waiting(start) },
            Waiting { finished: true, ..waiting(start) },
        ] {
            assert_eq!(cadence.due(&full), Some(start));
        }
    }

    #[test]
    fn a_slow_commit_is_followed_by_a_pause_of_ten_times_its_length_up_to_eight_seconds() {
        let (mut cadence, start) = (Cadence::new(Settings::default()), Instant::now());
        let full = Waiting { rows: 50_000, ..waiting(start) };
        cadence.committed(start, SECOND / 10);
        assert_eq!(cadence.due(&full), Some(start + SECOND));
        cadence.committed(start, 5 * SECOND);
        assert_eq!(cadence.due(&full), Some(start + 8 * SECOND));
    }
}
