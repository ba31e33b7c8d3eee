//! Somebody else who takes care of the same tables, from a shell.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use trigpoint_testkit::{Finished, run};

use super::{DEADLINE, Load, TRIGPOINT};

pub(crate) struct Rival {
    thread: JoinHandle<Cared>,
    deleted: Arc<AtomicU64>,
}

/// What it has done, beside deleting.
#[derive(Debug, Default)]
pub(crate) struct Cared {
    rounds: u64,
    merged: u64,
}

impl Rival {
    /// Merges and vacuums without pause while the load goes on.
    pub(crate) fn start(data: PathBuf, load: Load) -> Self {
        let deleted = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&deleted);
        let care = move || {
            let _ending = load.ending();
            let mut cared = Cared::default();
            let act = |arguments: &[&str]| {
                let mut command = Command::new(TRIGPOINT);
                let done = run(command.args(arguments).arg("--data-dir").arg(&data), DEADLINE);
                done.expect_code(0);
                done
            };
            while load.goes_on() {
                let compacted = act(&["lake", "compact", "--small-files", "4"]);
                cared.merged += numbers_before(&compacted, " files of ");
                let vacuumed = act(&["lake", "vacuum"]);
                count.fetch_add(numbers_before(&vacuumed, " removed files"), Ordering::SeqCst);
                cared.rounds += 1;
            }
            cared
        };
        Self { thread: std::thread::spawn(care), deleted }
    }

    /// Removed files that its vacuums have deleted.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(self) -> Cared {
        self.thread.join().unwrap()
    }
}

/// The sum, over the lines of an output, of the numbers that stand before `words`.
fn numbers_before(output: &Finished, words: &str) -> u64 {
    let lines = output.stdout.lines().filter_map(|line| line.split_once(words));
    lines.map(|(before, _)| before.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// Removed files that the collector's vacuum has deleted, by its log.
pub(crate) fn deleted_by_collector(log: &str) -> u64 {
    let numbers = log.lines().filter(|line| line.contains("vacuumed"));
    let numbers = numbers.filter_map(|line| line.split_once("removed_files=")?.1.split(' ').next());
    numbers.map(|number| number.parse::<u64>().unwrap()).sum()
}

impl fmt::Display for Cared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, merged } = self;
        write!(formatter, "a rival merged {merged} files in {rounds} rounds")
    }
}
