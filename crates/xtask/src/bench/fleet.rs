//! What an operator costs, by the size of its fleet.
//!
//! The work is in `benches/fleet.rs`, a bench target of `trigpoint-operator`, so that
//! nothing here links DataFusion.

use std::path::PathBuf;

use anyhow::Result;

use super::process::bench_target;
use crate::command::{program, run as run_command};
use crate::tools;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Nodes, with commas between sizes
    #[arg(long, default_value = "10,100,1000")]
    sizes: String,
    /// Nodes to which the change is rolled out, at most
    #[arg(long, default_value_t = 200)]
    handoffs: usize,
    /// A `trigpoint` whose operator to measure, instead of the library in a small process
    #[arg(long, value_name = "EXECUTABLE")]
    operator: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let kubernetes = tools::kubernetes()?;
    let executable = bench_target("trigpoint-operator", "fleet")?;
    let mut bench = program(&executable, &["--sizes", &options.sizes]);
    bench.args(["--handoffs", &options.handoffs.to_string()]).env("KUBERNETES_BIN", kubernetes);
    if let Some(operator) = &options.operator {
        bench.arg("--operator").arg(operator);
    }
    run_command(&mut bench)
}
