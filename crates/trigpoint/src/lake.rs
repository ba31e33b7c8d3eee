//! `trigpoint lake`: care of the tables by hand; a collector and a standalone
//! do the same by themselves.

use clap::Subcommand;
use trigpoint_process::Failure;

mod check;
mod compact;
mod retain;
mod vacuum;

/// Take care of the tables: merge files, delete what nobody needs
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Options),
    Compact(compact::Options),
    Vacuum(vacuum::Options),
    Retain(retain::Options),
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    match options.command {
        Command::Check(options) => check::run(options).await,
        Command::Compact(options) => compact::run(options).await,
        Command::Vacuum(options) => vacuum::run(options).await,
        Command::Retain(options) => retain::run(options).await,
    }
}

/// Bytes as people read them.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
