//! On real directories, through the same calls that a collector makes.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::live;
use crate::testing::{READINGS, csv, group, lake, reading, rows};
use crate::{Group, Lake};

mod compaction;
mod log;
mod privacy;
mod rivals;
mod scan;
mod vacuum;

const DAY_US: i64 = 86_400_000_000;

/// When the dates of [`crate::testing`] are over and their files are old.
fn next_day() -> DateTime<Utc> {
    Utc::now() + TimeDelta::days(1)
}

fn hours(count: i64) -> DateTime<Utc> {
    Utc::now() + TimeDelta::hours(count)
}

/// One file of two rows of each of ten flows, for each number from 1 to `files`.
async fn fill(lake: &Lake, files: u64) {
    for seq in 1..=files {
        let flows = (0..10).flat_map(|flow| {
            let name = format!("flow-{:02}", (flow * 7 + seq as i64) % 10);
            [2 * seq as i64, 2 * seq as i64 + 1].map(|n| reading(&name, n, 0))
        });
        let rows = vec![rows(&READINGS, seq, flows.collect())];
        let group = Group { app_id: "a".to_owned(), last_seq: seq, rows };
        lake.append(&READINGS, vec![group]).await.unwrap();
    }
}

async fn every_row(lake: &Lake) -> Vec<String> {
    let sql = "SELECT flow_id, n, start_time, opened_time, min_rtt_us, share, clean, \
               encode(raw, 'hex'), nodes[1]['address'], nodes[2]['rtt_us'], station['site'], \
               date, spool_id, batch_seq FROM readings ORDER BY flow_id, n, batch_seq";
    csv(lake, sql).await
}

/// The live files' paths, in the order of their keys.
async fn live_paths(lake: &Lake) -> Vec<String> {
    let open = crate::table::Open::existing(&READINGS, lake.log_store(&READINGS)).await.unwrap();
    let mut files = live::files(&open.unwrap()).unwrap();
    files.sort_by(|left, right| left.low.cmp(&right.low));
    files.into_iter().map(|file| file.path.to_string()).collect()
}

/// The table's files on disk.
fn stored_paths(directory: &tempfile::TempDir) -> Vec<String> {
    let table = directory.path().join("lake/readings");
    let mut paths: Vec<_> = std::fs::read_dir(&table)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap() != "_delta_log")
        .flat_map(|date| std::fs::read_dir(date).unwrap())
        .map(|entry| entry.unwrap().path())
        .map(|path| path.strip_prefix(&table).unwrap().to_str().unwrap().to_owned())
        .collect();
    paths.sort();
    paths
}
