//! What an operator costs with 10, 100 and 1,000 nodes: `cargo xtask bench fleet`.
//!
//! Of the cluster only the API server and etcd are real; `trigpoint_testkit::cluster`
//! plays kubelets.  The operator is a process of its own: this executable, as `fleet
//! operator`, which runs the library that `trigpoint operator` runs, with the same
//! allocator; or with `--operator` any `trigpoint`.
#![allow(clippy::print_stdout, reason = "it says its figures")]

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;

#[path = "fleet/figures.rs"]
mod figures;
#[path = "fleet/library.rs"]
mod library;
#[path = "fleet/process.rs"]
mod process;
#[path = "fleet/run.rs"]
mod run;

/// As in `trigpoint`.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Debug, Parser)]
#[command(about = "What an operator costs by the size of its fleet")]
struct CommandLine {
    #[command(subcommand)]
    program: Option<Program>,
    #[command(flatten)]
    options: run::Options,
    /// What cargo gives to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// The operator itself
    Operator(library::Options),
}

fn main() -> Result<ExitCode> {
    let command_line = CommandLine::parse();
    if let Some(Program::Operator(options)) = command_line.program {
        library::run(options)?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = command_line.options;
    let mut all = Vec::new();
    for size in &options.sizes {
        let figures = run::measure(&options, *size)?;
        println!("{figures}");
        all.push(figures);
    }
    println!("\n{}", figures::table(&all));
    let broken: Vec<String> = all.iter().flat_map(figures::Figures::broken).collect();
    for bound in &broken {
        println!("broken: {bound}");
    }
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
