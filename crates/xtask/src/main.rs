//! The project's chores as one program: `cargo xtask --help`.
//!
//! Depends on no workspace crate: it runs them as processes, as a user would.
#![allow(clippy::print_stdout, reason = "a command line program talks on stdout")]

mod bench;
mod buildah;
mod check_layers;
mod ci;
mod cluster;
mod codegen;
mod command;
mod image;
mod outcome;
mod prove;
mod same_graph;
mod suites;
mod tools;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the Trigpoint repository")]
enum Task {
    /// Everything that a change has to pass, in order
    Ci(ci::Options),
    /// Fail if a crate depends on a higher layer, on a banned crate, or on an unknown licence
    CheckLayers,
    /// Fail if `cargo run` and `cargo test` would build a third-party crate twice
    SameGraph,
    /// Regenerate committed code; with --check, fail if it was out of date
    Codegen(codegen::Options),
    /// Full counts of a proof, with its figures
    Prove(prove::Options),
    /// The container image, as an OCI archive
    Image(image::Options),
    /// A real Kubernetes cluster of three nodes on this machine
    #[command(subcommand)]
    Cluster(cluster::Options),
    /// Speed and memory beside a peer in the same run
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Ci(options) => ci::run_all(&options),
        Task::CheckLayers => check_layers::run(),
        Task::SameGraph => same_graph::run(),
        Task::Codegen(options) => codegen::run(&options),
        Task::Prove(options) => prove::run_options(&options),
        Task::Image(options) => image::run_options(&options),
        Task::Cluster(options) => cluster::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}
