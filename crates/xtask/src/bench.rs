//! Speed and memory, always beside a peer in the same run.
//!
//! A figure is a ratio of paired runs: this machine's other load touches both
//! sides of a pair alike.  Nothing here is a test; nothing here passes or fails
//! a build.  `fleet` alone has bounds, which are an issue's.

mod fleet;
mod growth;
mod hostile;
mod lake;
mod lateness;
mod memory;
mod ndt7;
mod process;
mod query;
mod statistics;

use anyhow::Result;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// CPU per gigabit of ndt7 beside plain loops and beside rustls alone
    Ndt7(ndt7::Options),
    /// Memory of the server and its sockets for each additional slow download
    Memory(memory::Options),
    /// Whether `trigpoint standalone` grows with the tests that it has served
    Growth(growth::Options),
    /// What a running download loses to crowds of idle or closing connections
    Hostile(hostile::Options),
    /// How late the sampler is, with and without traces of the same station
    Lateness(lateness::Options),
    /// What the tables cost: ingest, commits, log, compaction, bytes for each snapshot
    Lake(lake::Options),
    /// How long queries take, and their memory
    Query(query::Options),
    /// What an operator costs with 10, 100 and 1,000 nodes; fails beyond its bounds
    Fleet(fleet::Options),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.what {
        What::Ndt7(options) => ndt7::run(options),
        What::Memory(options) => memory::run(options),
        What::Growth(options) => growth::run(options),
        What::Hostile(options) => hostile::run(options),
        What::Lateness(options) => lateness::run(options),
        What::Lake(options) => lake::run_all(options),
        What::Query(options) => query::run_all(options),
        What::Fleet(options) => fleet::run(options),
    }
}
