//! A day of tests with all their snapshots, and queries over it: time and memory.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::Utc;
use futures::TryStreamExt as _;
use trigpoint_lake::{Compaction, Group, Lake, LogCleaning};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, TRACES};
use trigpoint_record::{Batch, Column, Kind, Value};

use crate::{rows, usage};

/// Of one flow: a test of ten seconds, polled each 10 ms.
const SNAPSHOTS_OF_A_FLOW: usize = 1000;
/// Flows of one commit.
const FLOWS_OF_A_COMMIT: u64 = 50;
/// A warm query is repeated so often, or until this has passed.
const REPEATS: usize = 11;
const REPEATED_FOR: Duration = Duration::from_secs(20);

#[derive(clap::Args)]
pub(crate) struct DayOptions {
    /// Where the tables are made
    lake: PathBuf,
    /// Tests, each with a connection of a thousand snapshots
    #[arg(long)]
    flows: u64,
}

#[derive(clap::Args)]
pub(crate) struct QueryOptions {
    /// What `day` has made
    lake: PathBuf,
    /// File with the query
    file: PathBuf,
}

/// Rows of four tables, as they are once the day is over and the collector has cared
/// for them.
pub(crate) async fn day(options: &DayOptions) -> Result<()> {
    let lake = Lake::open(&options.lake.to_string_lossy())?;
    let started = Instant::now();
    let mut flows: Vec<u64> = (0..options.flows).collect();
    // In the order of their ids: then files need only be joined, not merged, which
    // makes the same and takes a third of the time.
    flows.sort_unstable_by_key(|flow| rows::scrambled(*flow));
    // Of the next commit while one is written.
    let mut next = None;
    for (seq, flows) in (1..).zip(flows.chunks(FLOWS_OF_A_COMMIT as usize)) {
        let chunk = flows.to_vec();
        let made = tokio::task::spawn_blocking(move || snapshots(seq, &chunk));
        if let Some(groups) = next.replace(made) {
            lake.append(&SNAPSHOTS, groups.await??).await?;
        }
    }
    if let Some(groups) = next {
        lake.append(&SNAPSHOTS, groups.await??).await?;
    }
    for table in [&FLOWS, &SPEED_TESTS, &TRACES] {
        for (seq, flows) in (1..).zip(flows.chunks(5000)) {
            let mut batch = Batch::new(table);
            for flow in flows {
                batch.push(table.columns.iter().map(|column| value(column, *flow)).collect())?;
            }
            lake.append(table, vec![rows::group(table, 0, seq, batch)?]).await?;
        }
    }
    let settings = Compaction::default();
    for table in [&SNAPSHOTS, &FLOWS, &SPEED_TESTS, &TRACES] {
        lake.compact(table, &settings, Utc::now() + settings.closed_after * 100).await?;
        lake.clean_log(table, &LogCleaning::default(), Utc::now()).await?;
    }
    println!(
        "{} snapshots of {} flows, made and compacted in {:.0} s",
        options.flows * SNAPSHOTS_OF_A_FLOW as u64,
        options.flows,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn snapshots(seq: u64, flows: &[u64]) -> Result<Vec<Group>> {
    let group = |flow: &u64| {
        let batch = rows::batch(&SNAPSHOTS, *flow, SNAPSHOTS_OF_A_FLOW)?;
        rows::group(&SNAPSHOTS, (flow % FLOWS_OF_A_COMMIT) as usize, seq, batch)
    };
    flows.iter().map(group).collect()
}

/// What the queries ask for; other columns are as in `rows.rs`.
fn value(column: &Column, flow: u64) -> Value {
    let random = rows::scrambled(flow);
    let pick = |texts: &[&str]| Value::Text(texts[random as usize % texts.len()].to_owned());
    match column.name {
        "direction" => pick(&["download", "download", "upload"]),
        "protocol" if matches!(column.kind, Kind::Text) => "ndt7".into(),
        "end_reason" => "completed".into(),
        "congestion_control" | "congestion_algorithm" => pick(&["bbr", "cubic"]),
        "arm" => pick(&["stable", "stable", "stable", "canary"]),
        "site" => Value::Text(format!("abc{:02}", random % 20)),
        "client_country_code" => pick(&["US", "US", "IT", "BR", "DE"]),
        "client_subdivision1_iso_code" => pick(&["MD", "NY", "CA", "TX"]),
        "client_city" => pick(&["Baltimore", "New York", "Los Angeles", "Austin"]),
        "client_postal_code" => Value::Text(format!("{:05}", 21_000 + random % 300)),
        "client_asn" => Value::Int(7900 + (random % 200) as i64),
        "client_as_name" => Value::Text(format!("network {}", random % 200)),
        "client_ip" => Value::Text(format!("198.18.{}.{}", random % 256, random / 256 % 256)),
        "throughput_bits_per_s" => Value::Float(1e6 * 10_f64.powf((random % 3000) as f64 / 1e3)),
        "retransmission_share" => Value::Float((random % 100) as f64 / 1e4),
        "elapsed_us" | "last_elapsed_us" => Value::Int(10_000_000),
        "min_rtt_us" => Value::Int((2000 + random % 100_000) as i64),
        "rtt_us" => Value::Int((3000 + random % 150_000) as i64),
        "rttvar_us" => Value::Int((random % 5000) as i64),
        "polls_done" => Value::Int(SNAPSHOTS_OF_A_FLOW as i64),
        "polls_unchanged" => Value::Int(0),
        _ => rows::value(column, flow, 0),
    }
}

pub(crate) async fn query(options: &QueryOptions) -> Result<()> {
    let started = Instant::now();
    let text = std::fs::read_to_string(&options.file)
        .with_context(|| format!("read `{}`", options.file.display()))?;
    let sql = text.replace("CURRENT_DATE", "DATE '2026-11-26'");
    let lake = Lake::open(&options.lake.to_string_lossy())?;
    let rows = answer(&lake, &sql).await?;
    let fresh = started.elapsed();
    let mut times = Vec::new();
    let repeated = Instant::now();
    while times.is_empty() || times.len() < REPEATS && repeated.elapsed() < REPEATED_FOR {
        let started = Instant::now();
        answer(&lake, &sql).await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    println!(
        "{}: warm {:.1} ms (median of {}), fresh process {:.1} ms, {:.0} MB resident at its peak, \
         {rows} rows",
        options.file.file_stem().unwrap_or_default().display(),
        times[times.len() / 2].as_secs_f64() * 1e3,
        times.len(),
        fresh.as_secs_f64() * 1e3,
        usage::peak_bytes()? as f64 / 1e6,
    );
    Ok(())
}

/// Rows of the answer, each of which is made.
async fn answer(lake: &Lake, sql: &str) -> Result<usize> {
    let batches = lake.session().query(sql).await?.into_stream();
    let rows = batches.map_ok(|batch| batch.num_rows());
    Ok(rows.try_fold(0, |sum, rows| std::future::ready(Ok(sum + rows))).await?)
}
