//! How long a commit takes when there were few and when there were many before.

use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Utc;
use trigpoint_lake::{Compaction, Lake};
use trigpoint_record::tables::SNAPSHOTS;
use trigpoint_testkit::Directory;

use crate::{rows, usage};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Earlier commits at the first look
    #[arg(long)]
    few: u64,
    /// Earlier commits at the second look
    #[arg(long)]
    many: u64,
    /// Commits that are looked at
    #[arg(long, default_value_t = 100)]
    look: u64,
    /// Compaction after so many commits; a collector merges more than 64 new files
    #[arg(long)]
    compact_every: Option<u64>,
}

/// Streams in a commit that is looked at, each with its marker, and rows of each.
const STREAMS: usize = 10;
const ROWS: usize = 20;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let directory = Directory::new();
    let lake = Lake::open(&directory.join("lake").to_string_lossy())?;
    let (mut after_few, mut after_many) = (Vec::new(), Vec::new());
    for commit in 1..=options.many + options.look {
        let is_looked_at = |earlier: u64| (earlier + 1..=earlier + options.look).contains(&commit);
        if is_looked_at(options.few) {
            after_few.push(append(&lake, commit).await?);
        } else if is_looked_at(options.many) {
            after_many.push(append(&lake, commit).await?);
        } else {
            earlier(&lake, commit).await?;
        }
        if options.compact_every.is_some_and(|every| commit % every == 0) {
            lake.compact(&SNAPSHOTS, &Compaction::default(), Utc::now()).await?;
        }
    }
    let with = options.compact_every.map_or("without compaction".to_owned(), |every| {
        format!("with compaction every {every} commits")
    });
    println!("commit, {with}, after {}: {}", options.few, usage::quantiles(after_few));
    println!("commit, {with}, after {}: {}", options.many, usage::quantiles(after_many));
    Ok(())
}

/// One of those that only have to be there: a file of one row and a marker.
async fn earlier(lake: &Lake, commit: u64) -> Result<()> {
    let stream = commit as usize % STREAMS;
    let batch = rows::batch(&SNAPSHOTS, commit * STREAMS as u64, 1)?;
    lake.append(&SNAPSHOTS, vec![rows::group(&SNAPSHOTS, stream, commit, batch)?]).await?;
    Ok(())
}

/// From rows in memory to a durable commit.
async fn append(lake: &Lake, commit: u64) -> Result<Duration> {
    let groups = (0..STREAMS)
        .map(|stream| {
            let flow = commit * STREAMS as u64 + stream as u64;
            rows::group(&SNAPSHOTS, stream, commit, rows::batch(&SNAPSHOTS, flow, ROWS)?)
        })
        .collect::<Result<_>>()?;
    let started = Instant::now();
    lake.append(&SNAPSHOTS, groups).await?;
    Ok(started.elapsed())
}
