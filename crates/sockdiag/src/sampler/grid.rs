//! When polls are due: a fixed grid of instants, so that nothing drifts.

/// Instants `start + index * period` on the monotonic clock.
///
/// A poll stands for the latest instant that had passed when the kernel was
/// asked; those that no poll stands for are missed.  The next round keeps half
/// a period's distance, so that a late round is never followed by another at once.
#[derive(Debug)]
pub(super) struct Grid {
    start_ns: u64,
    period_ns: u64,
    next: u64,
}

/// The grids of watched flows and of the others.
#[derive(Debug)]
pub(super) struct Grids {
    pub(super) watched: Grid,
    pub(super) other: Grid,
}

impl Grids {
    pub(super) fn of(&self, is_watched: bool) -> &Grid {
        if is_watched { &self.watched } else { &self.other }
    }
}

impl Grid {
    /// A grid whose first instant is `first_ns`, with index 1; 0 is before all.
    pub(super) fn new(first_ns: u64, period_ns: u64) -> Self {
        Self { start_ns: first_ns.saturating_sub(period_ns), period_ns, next: 1 }
    }

    /// Index of the latest instant that has passed.
    pub(super) fn index_at(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.start_ns) / self.period_ns
    }

    /// The instant of an index.
    pub(super) fn instant_ns(&self, index: u64) -> u64 {
        self.start_ns + index * self.period_ns
    }

    /// When the next round is due.
    pub(super) fn deadline_ns(&self) -> u64 {
        self.instant_ns(self.next)
    }

    /// If a round is due: how late it is against the instant it was awaited
    /// at, microseconds.
    pub(super) fn take_due(&mut self, now_ns: u64) -> Option<u64> {
        let late_us = now_ns.checked_sub(self.deadline_ns())? / 1_000;
        self.next = self.index_at(now_ns + self.period_ns.div_ceil(2) - 1) + 1;
        Some(late_us)
    }

    /// Starts again after a time without rounds: the next instant after `from_ns`.
    pub(super) fn resume(&mut self, from_ns: u64) {
        self.next = self.next.max(self.index_at(from_ns) + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn indices(rounds: &[u64]) -> Vec<Option<u64>> {
        let mut grid = Grid::new(1_000 * MS, 10 * MS);
        let instants = rounds.iter().map(|at| 1_000 * MS + at);
        instants.map(|at| grid.take_due(at).map(|_| grid.index_at(at))).collect()
    }

    #[test]
    fn lateness_does_not_shift_later_rounds() {
        let late = [0, 10 * MS + 1, 21 * MS, 30 * MS, 44 * MS, 50 * MS];
        assert_eq!(indices(&late), [1, 2, 3, 4, 5, 6].map(Some));
    }

    #[test]
    fn nothing_is_due_before_its_instant() {
        assert_eq!(indices(&[0, 9 * MS, 10 * MS]), [Some(1), None, Some(2)]);
    }

    #[test]
    fn a_late_round_stands_for_the_latest_instant_and_is_not_caught_up() {
        // 39 ms late: instants 2, 3 and 4 are missed, 5 is done.
        assert_eq!(indices(&[0, 49 * MS, 50 * MS, 60 * MS]), [Some(1), Some(5), None, Some(7)]);
    }

    #[test]
    fn rounds_keep_half_a_period_of_distance() {
        assert_eq!(indices(&[0, 15 * MS, 20 * MS]), [Some(1), Some(2), Some(3)]);
        assert_eq!(indices(&[0, 15 * MS + 1, 20 * MS]), [Some(1), Some(2), None]);
    }

    #[test]
    fn lateness_is_measured_from_the_instant_awaited() {
        let mut grid = Grid::new(10 * MS, 10 * MS);
        grid.take_due(10 * MS);
        assert_eq!(grid.take_due(47 * MS), Some(27_000));
    }

    #[test]
    fn a_pause_is_not_lateness() {
        let mut grid = Grid::new(0, 10 * MS);
        grid.resume(1_004 * MS);
        assert_eq!(grid.deadline_ns(), 1_010 * MS);
    }
}
