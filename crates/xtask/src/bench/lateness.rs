//! How late the sampler is, with and without traces.
//!
//! The work is in `benches/lateness.rs`, a bench target of `trigpoint-station`, which
//! starts that executable and reads what it stored.

use anyhow::{Context, Result};
use serde_json::Value;

use super::process::Executables;
use crate::command::{cargo, output, program, run as run_command};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs with traces, and as many without
    #[arg(long, default_value_t = 10)]
    pairs: usize,
    /// Seconds of each run
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    tools::debian(&[("ip", "iproute2"), ("nft", "nftables")])?;
    let peer = Executables::build()?.peer;
    let mut bench = program(&build()?, &["--peer", &peer.to_string_lossy()]);
    bench.args(["--pairs", &options.pairs.to_string(), "--seconds", &options.seconds.to_string()]);
    run_command(&mut bench)
}

/// Builds it; the path of its executable.
fn build() -> Result<String> {
    let mut bench =
        cargo(&["bench", "-p", "trigpoint-station", "--bench", "lateness", "--no-run", "--locked"]);
    let messages = output(bench.arg("--message-format=json-render-diagnostics"))?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "lateness")
        .find_map(|message| message["executable"].as_str().map(str::to_owned))
        .context("find the executable of `benches/lateness.rs` in cargo's messages")
}
