//! How late the sampler is, with and without traces.
//!
//! The work is in `benches/lateness.rs`, a bench target of `trigpoint-station`, which
//! starts that executable and reads what it stored.

use anyhow::Result;

use super::process::{Executables, bench_target};
use crate::command::{program, run as run_command};
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
    let mut bench = program(
        &bench_target("trigpoint-station", "lateness")?,
        &["--peer", &peer.to_string_lossy()],
    );
    bench.args(["--pairs", &options.pairs.to_string(), "--seconds", &options.seconds.to_string()]);
    run_command(&mut bench)
}
