//! `trigpoint lake`: care of the tables, for whoever keeps them.

use clap::Subcommand;
use trigpoint_lake::Lake;
use trigpoint_process::Failure;

use crate::data_directory::DataDirectory;

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

/// Where the tables are.
#[derive(Debug, clap::Args)]
struct Location {
    /// Root of the tables, a directory or URL, instead of those of a data directory
    #[arg(env = "TRIGPOINT_LAKE")]
    location: Option<String>,
    #[command(flatten)]
    data: DataDirectory,
}

impl Location {
    fn name(&self) -> String {
        match &self.location {
            Some(location) => location.clone(),
            None => self.data.lake().display().to_string(),
        }
    }

    fn open(&self) -> Result<Lake, Failure> {
        Lake::open(&self.name()).map_err(Failure::usage)
    }
}
