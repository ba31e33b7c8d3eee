//! `trigpoint lake`: care of the tables, for whoever keeps them.

use clap::Subcommand;
use trigpoint_process::Failure;

mod check;

/// Look after the tables
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Options),
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    match options.command {
        Command::Check(options) => check::run(options).await,
    }
}
