//! What the tables cost: ingest, commits, the log, compaction, queries.
//!
//! `cargo xtask bench lake` and `bench query` start it, one process for each figure, so that a
//! peak of memory belongs to one of them.  Allocates as `trigpoint` does.
//! Rows are synthetic (`lake/rows.rs`): good for speed, not for bytes of data,
//! which are measured on flows of the path emulator.
#![allow(clippy::print_stdout, reason = "it says its figures")]

use anyhow::Result;
use clap::Parser;
use mimalloc::MiMalloc;

#[path = "lake/commits.rs"]
mod commits;
#[path = "lake/compaction.rs"]
mod compaction;
#[path = "lake/ingest.rs"]
mod ingest;
#[path = "lake/log_bytes.rs"]
mod log_bytes;
#[path = "lake/queries.rs"]
mod queries;
#[path = "lake/rows.rs"]
mod rows;
#[path = "lake/usage.rs"]
mod usage;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
#[command(about = "One figure of `cargo xtask bench lake`")]
enum Figure {
    /// Rows per second and core through a collector
    Ingest(ingest::Options),
    /// How long a commit takes after many commits
    Commits(commits::Options),
    /// Bytes of log and checkpoints per day
    LogBytes(log_bytes::Options),
    /// Makes small files to merge
    Fill(compaction::FillOptions),
    /// Rate and memory of merging them
    Merge(compaction::MergeOptions),
    /// Makes a day of tests to ask about
    Day(queries::DayOptions),
    /// Time and memory of a query
    Query(queries::QueryOptions),
}

fn main() -> Result<()> {
    let figure = Figure::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    match figure {
        Figure::Ingest(options) => ingest::run(&options),
        Figure::Commits(options) => runtime.block_on(commits::run(&options)),
        Figure::LogBytes(options) => runtime.block_on(log_bytes::run(&options)),
        Figure::Fill(options) => runtime.block_on(compaction::fill(&options)),
        Figure::Merge(options) => runtime.block_on(compaction::merge(&options)),
        Figure::Day(options) => runtime.block_on(queries::day(&options)),
        Figure::Query(options) => runtime.block_on(queries::query(&options)),
    }
}
