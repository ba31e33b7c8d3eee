//! Compaction that hardly rests, in processes of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::place::Place;

/// Between two rounds.
const REST: Duration = Duration::from_secs(1);

/// Ends the compaction when it goes, also with a test that fails.
pub(crate) struct Ending<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Merges whatever is small until it is told to stop; how many files it took.
pub(crate) fn run(place: &Place, stop: &AtomicBool) -> u64 {
    let mut merged = 0;
    while !stop.load(Ordering::SeqCst) {
        let done = place.run(&["lake", "compact", "--small-files", "1"]);
        let files = done.stdout.lines().filter_map(|line| {
            let (before, _) = line.split_once(" files of ")?;
            before.rsplit(' ').next()?.parse::<u64>().ok()
        });
        merged += files.sum::<u64>();
        thread::park_timeout(REST);
    }
    merged
}
