//! Merging many small files into few sorted ones: rate and memory.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use chrono::Utc;
use trigpoint_lake::{Compaction, Format, Lake};
use trigpoint_record::tables::SNAPSHOTS;

use crate::{rows, usage};

#[derive(clap::Args)]
pub(crate) struct FillOptions {
    /// Where the tables are made
    lake: PathBuf,
    /// Files, each of one commit
    #[arg(long)]
    files: u64,
    /// Rows in each: those of ten tests at as many stations
    #[arg(long, default_value_t = 2000)]
    rows: usize,
}

/// Of a commit: the flows of one file lie between those of every other.
const STREAMS: usize = 10;

#[derive(clap::Args)]
pub(crate) struct MergeOptions {
    /// What `fill` has made
    lake: PathBuf,
}

pub(crate) async fn fill(options: &FillOptions) -> Result<()> {
    let lake = Lake::open(&options.lake.to_string_lossy())?;
    for file in 1..=options.files {
        let groups = (0..STREAMS)
            .map(|stream| {
                let flow = file * STREAMS as u64 + stream as u64;
                let batch = rows::batch(&SNAPSHOTS, flow, options.rows / STREAMS)?;
                rows::group(&SNAPSHOTS, stream, file, batch)
            })
            .collect::<Result<_>>()?;
        lake.append(&SNAPSHOTS, groups).await?;
    }
    Ok(())
}

pub(crate) async fn merge(options: &MergeOptions) -> Result<()> {
    let lake = Lake::open(&options.lake.to_string_lossy())?;
    let rows = count(&lake).await?;
    let before = usage::resident_bytes()?;
    let (started, used) = (Instant::now(), usage::cpu_of_process());
    let settings = Compaction { small_files: 1, ..Compaction::default() };
    let done = lake.compact(&SNAPSHOTS, &settings, Utc::now()).await?;
    let took = started.elapsed().as_secs_f64();
    let cpu = usage::cpu_of_process() - used;
    println!(
        "compaction: {:.0} rows/s and core ({rows} rows in {cpu:.2} s of CPU), {:.0} rows/s by the \
         clock, {} files of {:.1} MB into {} of {:.1} MB, {:.0} MB resident at its peak, {:.0} \
         before",
        rows as f64 / cpu,
        rows as f64 / took,
        done.files_removed,
        done.bytes_removed as f64 / 1e6,
        done.files_added,
        done.bytes_added as f64 / 1e6,
        usage::peak_bytes()? as f64 / 1e6,
        before as f64 / 1e6,
    );
    Ok(())
}

/// From the log: nothing is read that would count as memory of the merge.
async fn count(lake: &Lake) -> Result<u64> {
    let answer = lake.session().query("SELECT count(*) FROM snapshots").await?;
    let mut text = Vec::new();
    trigpoint_lake::write(answer, Format::Csv, &mut text).await?;
    let text = String::from_utf8(text)?;
    text.lines().nth(1).context("read the count")?.parse().context("read the count")
}
