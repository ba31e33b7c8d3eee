//! Compaction that never rests, in a process of its own.

use std::sync::atomic::{AtomicBool, Ordering};

use super::place::Place;

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
    }
    merged
}
