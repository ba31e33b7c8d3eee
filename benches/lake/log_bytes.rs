//! Bytes of log entries and checkpoints per day, for a rate of tests.
//!
//! A stretch of commits is made as a collector makes them, with its care of the
//! tables, and nothing is cleaned up, so what was put is what lies there.  With
//! N commits a day to a table and K of them in the stretch:
//!
//! - log entries: bytes of the stretch × N / K;
//! - checkpoints: each is a + b × files, fitted to those of the stretch (least
//!   squares), where files are the live ones and the removed ones that the log
//!   still remembers.  After days of running that are the files that commits of
//!   six hours (`deletedFileRetentionDuration`) have made, N / 4 × 65 / 64, and
//!   64 that are live; a checkpoint is due every 50 commits:
//!   N / 50 × (a + b × (N / 4 × 65 / 64 + 64)).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::Utc;
use trigpoint_lake::{Compaction, Lake};
use trigpoint_record::Table;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS};
use trigpoint_testkit::Directory;

use crate::rows;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds from one test to the next
    #[arg(long)]
    seconds: f64,
    /// Commits in the stretch
    #[arg(long)]
    commits: u64,
}

const DAY_S: f64 = 86_400.0;
/// A finished test waits so long for company.
const COMMIT_AFTER_S: f64 = 2.0;
/// A collector takes care of its tables this often.
const CARE_EVERY_S: f64 = 600.0;
const CHECKPOINT_INTERVAL: f64 = 50.0;
const SMALL_FILES: f64 = 64.0;
/// Of a test; statistics of more rows are not longer.
const SNAPSHOTS_OF_A_TEST: usize = 10;
/// Stations, each of which has had a test once in a while.
const STREAMS: u64 = 10;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let interval_s = options.seconds.max(COMMIT_AFTER_S);
    let tests = (interval_s / options.seconds) as u64;
    let commits_a_day = DAY_S / interval_s;
    let care_every = (CARE_EVERY_S / interval_s).ceil() as u64;
    let directory = Directory::new();
    let root = directory.join("lake");
    let lake = Lake::open(&root.to_string_lossy())?;
    let mut total = 0.0;
    for (table, rows) in [(&SNAPSHOTS, SNAPSHOTS_OF_A_TEST), (&FLOWS, 1), (&SPEED_TESTS, 1)] {
        for commit in 1..=options.commits {
            let groups = (0..tests)
                .map(|test| {
                    let flow = commit * tests + test;
                    let stream = (flow % STREAMS) as usize;
                    rows::group(table, stream, commit, rows::batch(table, flow, rows)?)
                })
                .collect::<Result<_>>()?;
            lake.append(table, groups).await?;
            if commit % care_every == 0 {
                lake.compact(table, &Compaction::default(), Utc::now()).await?;
            }
        }
        let stretch = Stretch::read(&root, table);
        let entries = stretch.entry_bytes * commits_a_day / options.commits as f64;
        let files = commits_a_day / 4.0 * (1.0 + 1.0 / SMALL_FILES) + SMALL_FILES;
        let (a, b) = stretch.checkpoint_bytes().with_context(|| {
            format!("compare the checkpoints of {} commits: make more", options.commits)
        })?;
        let checkpoints = commits_a_day / CHECKPOINT_INTERVAL * (a + b * files);
        println!(
            "log of {}, a test every {} s: {:.1} MB of entries a day ({:.0} bytes a commit), \
             {:.1} MB of checkpoints (each {a:.0} bytes and {b:.0} for each of {files:.0} files)",
            table.name,
            options.seconds,
            entries / 1e6,
            stretch.entry_bytes / options.commits as f64,
            checkpoints / 1e6,
        );
        total += entries + checkpoints;
    }
    println!("log of all three, a test every {} s: {:.1} MB a day", options.seconds, total / 1e6);
    Ok(())
}

/// What the commits have left in the log of one table.
struct Stretch {
    entry_bytes: f64,
    /// Files that a checkpoint names, and its bytes.
    checkpoints: Vec<(f64, f64)>,
}

impl Stretch {
    fn read(root: &Path, table: &Table) -> Self {
        let log = root.join(table.name).join("_delta_log");
        let mut stretch = Self { entry_bytes: 0.0, checkpoints: Vec::new() };
        let mut files = 0.0;
        for version in 0_u64.. {
            let entry = log.join(format!("{version:020}.json"));
            let Ok(text) = fs::read_to_string(&entry) else { break };
            // The first entry makes the table, once.
            if version > 0 {
                stretch.entry_bytes += text.len() as f64;
            }
            files += text.lines().filter(|line| line.starts_with(r#"{"add""#)).count() as f64;
            let checkpoint = log.join(format!("{version:020}.checkpoint.parquet"));
            if let Ok(metadata) = fs::metadata(checkpoint) {
                stretch.checkpoints.push((files, metadata.len() as f64));
            }
        }
        stretch
    }

    /// Bytes of a checkpoint, and bytes for each file: the line through all.
    fn checkpoint_bytes(&self) -> Option<(f64, f64)> {
        let count = self.checkpoints.len() as f64;
        let mean_files = self.checkpoints.iter().map(|(files, _)| files).sum::<f64>() / count;
        let mean_bytes = self.checkpoints.iter().map(|(_, bytes)| bytes).sum::<f64>() / count;
        let deviations =
            self.checkpoints.iter().map(|(files, bytes)| (files - mean_files, bytes - mean_bytes));
        let (square, product) = deviations
            .fold((0.0, 0.0), |(square, product), (x, y)| (square + x * x, product + x * y));
        let slope = product / square;
        (square > 0.0).then_some((mean_bytes - slope * mean_files, slope))
    }
}
