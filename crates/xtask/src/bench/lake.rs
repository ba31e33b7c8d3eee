//! What the tables cost: ingest, commits, log, compaction, bytes.
//!
//! The work is in `benches/lake.rs`, a bench target of `trigpoint`: an
//! executable that links DataFusion takes seconds and 0.3 GB, so only this
//! builds it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, output, program, run};

mod flows;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Sizes as a multiple of the usual ones
    #[arg(long, default_value = "1", value_parser = ["0.1", "1", "10"])]
    scale: String,
    /// Cargo's profile; DataFusion in `release` takes half an hour to build,
    /// and figures of `dev` are for comparing with each other only
    #[arg(long, default_value = "release", value_parser = ["release", "dev"])]
    profile: String,
    /// Only the figures whose name contains this: ingest, commits, log, compaction, bytes
    #[arg(long, default_value = "")]
    only: String,
    /// Data directory of flows over emulated paths, for bytes a snapshot: made
    /// here if it does not exist (360 of them times the scale, which takes about
    /// four minutes times the scale), and compacted
    #[arg(long, value_name = "DIRECTORY")]
    flows: Option<PathBuf>,
}

pub(crate) fn run_all(options: &Options) -> Result<()> {
    let scale: f64 = options.scale.parse().context("read the scale")?;
    let executable = build(&options.profile)?;
    let asked = |name: &str| name.contains(&options.only);
    let times = |size: f64| ((size * scale) as u64).max(1).to_string();
    println!("profile {}, scale {}", options.profile, options.scale);
    if asked("ingest") {
        figure(&executable, &["ingest", "--rows", &times(200_000.0)])?;
    }
    if asked("commits") {
        let (few, many) = (times(100.0), times(5000.0));
        let commits = ["commits", "--few", &few, "--many", &many];
        figure(&executable, &[&commits[..], &["--compact-every", "65"]].concat())?;
        // Its time grows with the square of the commits: a day at ten times the size.
        if scale <= 1.0 {
            figure(&executable, &commits)?;
        }
    }
    if asked("log") {
        for seconds in [60.0, 1.0] {
            figure(&executable, &["log-bytes", "--seconds", &(seconds / scale).to_string()])?;
        }
    }
    if asked("compaction") {
        compaction(&executable, &times(200.0))?;
    }
    match &options.flows {
        Some(directory) if asked("bytes") => flows::measure(directory, scale),
        _ => Ok(()),
    }
}

pub(super) fn figure(executable: &Path, arguments: &[&str]) -> Result<()> {
    run(&mut program(&executable.to_string_lossy(), arguments))
}

/// Filling and merging in two processes: the peak of memory is that of merging.
fn compaction(executable: &Path, files: &str) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("trigpoint-bench-lake-{}", std::process::id()));
    let lake = folder.to_string_lossy().into_owned();
    let measured = figure(executable, &["fill", &lake, "--files", files])
        .and_then(|()| figure(executable, &["merge", &lake]));
    std::fs::remove_dir_all(&folder).with_context(|| format!("remove `{lake}`")).and(measured)
}

/// Builds `benches/lake.rs`; the path of its executable.
pub(super) fn build(profile: &str) -> Result<PathBuf> {
    let mut bench = cargo(&["bench", "--workspace", "--bench", "lake", "--no-run", "--locked"]);
    bench.args(["--profile", profile, "--message-format=json-render-diagnostics"]);
    let messages = output(&mut bench)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "lake")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .context("find the executable of `benches/lake.rs` in cargo's messages")
}
