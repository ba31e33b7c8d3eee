//! Bytes of log entries and checkpoints per day, for a rate of tests.
//!
//! The commits of six hours are made one right after the other, as a collector
//! makes them, with its care of the tables: so long a table remembers a removed
//! file (`deletedFileRetentionDuration`), so that the last checkpoints are those
//! of a table that has been written for days.  Nothing is cleaned up, so what
//! was put is what lies there.  A day has its share of these entries, and one
//! checkpoint for every 50 commits and one for each round of care, of the mean size
//! of those in the last hour.
//! Where six hours are too few commits for that, more are made, and the removed
//! files of all of them are in the last checkpoint: the figure is an upper bound.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use chrono::Utc;
use trigpoint_lake::{Compaction, Lake};
use trigpoint_record::Table;
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, TRACES};
use trigpoint_testkit::Directory;

use crate::rows;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds from one test to the next
    #[arg(long)]
    seconds: f64,
}

const HOUR_S: f64 = 3600.0;
const STRETCH_S: f64 = 6.0 * HOUR_S;
const DAY_S: f64 = 24.0 * HOUR_S;
/// A finished test waits so long for company.
const COMMIT_AFTER_S: f64 = 2.0;
/// A collector takes care of its tables this often, and merges more new files than these.
const CARE_EVERY_S: f64 = 600.0;
const NEW_FILES: u64 = 64;
const CHECKPOINT_INTERVAL: f64 = 50.0;
/// A round makes a checkpoint where so many commits have none.
const COMMITS_WITHOUT_CHECKPOINT: f64 = 10.0;
/// With three checkpoints.
const LEAST_COMMITS: u64 = 150;
/// Of a test; statistics of more rows are not longer.
const SNAPSHOTS_OF_A_TEST: usize = 10;
/// Stations, each of which has had a test once in a while.
const STREAMS: u64 = 10;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let directory = Directory::new();
    let root = directory.join("lake");
    let lake = Lake::open(&root.to_string_lossy())?;
    let tables = [(&SNAPSHOTS, SNAPSHOTS_OF_A_TEST), (&FLOWS, 1), (&SPEED_TESTS, 1), (&TRACES, 1)];
    let pace = Pace::of(options.seconds);
    let filled = tables.map(|(table, rows)| tokio::spawn(fill(lake.clone(), table, rows, pace)));
    let mut total = 0.0;
    for ((table, _), filled) in tables.into_iter().zip(filled) {
        filled.await??;
        let log = Log::read(&root, table)?;
        let commit_bytes = log.entry_bytes / pace.commits as f64;
        let entries = commit_bytes * pace.commits_a_day;
        let checkpoint = log
            .last_checkpoints(HOUR_S / STRETCH_S)
            .with_context(|| format!("find a checkpoint of `{}`", table.name))?;
        let rounds = (DAY_S / CARE_EVERY_S).min(pace.commits_a_day / COMMITS_WITHOUT_CHECKPOINT);
        let checkpoints = checkpoint * (pace.commits_a_day / CHECKPOINT_INTERVAL + rounds);
        println!(
            "log of {}, a test every {} s: {:.1} MB of entries a day ({:.0} bytes a commit), \
             {:.1} MB of checkpoints (each {:.0} kB; the first {:.0} kB)",
            table.name,
            options.seconds,
            entries / 1e6,
            commit_bytes,
            checkpoints / 1e6,
            checkpoint / 1e3,
            log.checkpoints.first().map_or(0.0, |(_, bytes)| *bytes) / 1e3,
        );
        total += entries + checkpoints;
    }
    println!("log of all four, a test every {} s: {:.1} MB a day", options.seconds, total / 1e6);
    Ok(())
}

/// Of the commits to a table.
#[derive(Clone, Copy)]
struct Pace {
    /// That are made.
    commits: u64,
    commits_a_day: f64,
    /// Tests that came together in each of them.
    tests: u64,
    /// Commits from one round of care to the next.
    care_every: u64,
}

impl Pace {
    fn of(seconds_between_tests: f64) -> Self {
        let interval_s = seconds_between_tests.max(COMMIT_AFTER_S);
        Self {
            commits: ((STRETCH_S / interval_s).round() as u64).max(LEAST_COMMITS),
            commits_a_day: DAY_S / interval_s,
            tests: (interval_s / seconds_between_tests).round() as u64,
            care_every: ((CARE_EVERY_S / interval_s).ceil() as u64).min(NEW_FILES + 1),
        }
    }
}

async fn fill(lake: Lake, table: &'static Table, rows: usize, pace: Pace) -> Result<()> {
    for commit in 1..=pace.commits {
        let groups = (0..pace.tests)
            .map(|test| {
                let flow = commit * pace.tests + test;
                let stream = (flow % STREAMS) as usize;
                rows::group(table, stream, commit, rows::batch(table, flow, rows)?)
            })
            .collect::<Result<_>>()?;
        lake.append(table, groups).await?;
        if commit % pace.care_every == 0 {
            lake.compact(table, &Compaction::default(), Utc::now()).await?;
        }
    }
    Ok(())
}

/// What the commits have left in the log of one table.
struct Log {
    entry_bytes: f64,
    newest: u64,
    /// Version and bytes of each checkpoint.
    checkpoints: Vec<(u64, f64)>,
}

impl Log {
    fn read(root: &Path, table: &Table) -> Result<Self> {
        let folder = root.join(table.name).join("_delta_log");
        let mut log = Self { entry_bytes: 0.0, newest: 0, checkpoints: Vec::new() };
        let bytes_of = |path: &Path| fs::metadata(path).map(|metadata| metadata.len() as f64);
        // The first entry makes the table, once.
        for version in 1_u64.. {
            let Ok(bytes) = bytes_of(&folder.join(format!("{version:020}.json"))) else { break };
            log.entry_bytes += bytes;
            log.newest = version;
            let checkpoint = folder.join(format!("{version:020}.checkpoint.parquet"));
            if checkpoint.exists() {
                log.checkpoints.push((version, bytes_of(&checkpoint)?));
            }
        }
        Ok(log)
    }

    /// Mean bytes of the checkpoints in the last `part` of the versions, or of the
    /// last one if none is there.
    fn last_checkpoints(&self, part: f64) -> Option<f64> {
        let oldest = self.newest - (self.newest as f64 * part) as u64;
        let (last, _) = self.checkpoints.last()?;
        let among: Vec<f64> = self
            .checkpoints
            .iter()
            .filter(|(version, _)| *version >= oldest.min(*last))
            .map(|(_, bytes)| *bytes)
            .collect();
        Some(among.iter().sum::<f64>() / among.len() as f64)
    }
}
