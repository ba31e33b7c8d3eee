//! `trigpoint lake check`: is everything that was acknowledged there, once?

use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::anyhow;
use clap::ValueEnum;
use trigpoint_lake::check::Settings;
use trigpoint_process::{Failure, duration};

use crate::data_directory::DataDirectory;

mod text;

/// Read every file of the tables, and say what is wrong with them
///
/// Changes nothing, and works while collectors write. Exit code 0: all is
/// well; 1: there are findings; 2: the tables cannot be read at all.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// How long a batch may be on its way while batches after it are stored
    #[arg(
        long,
        env = "TRIGPOINT_SETTLE",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration::parse
    )]
    settle: Duration,
    /// How the report is printed
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

pub(super) async fn run(options: Options) -> Result<(), Failure> {
    let lake = options.data.lake()?;
    let directory = lake.url().to_file_path().ok();
    let name = directory
        .as_ref()
        .map_or_else(|| lake.url().to_string(), |path| path.display().to_string());
    if directory.is_some_and(|directory| !directory.is_dir()) {
        return Err(Failure::Usage(anyhow!("there are no tables in `{name}`: no such directory")));
    }
    let report = lake
        .check(&Settings { settle: options.settle })
        .await
        .map_err(|error| Failure::Unanswered(error.into()))?;
    let printed = match options.format {
        Format::Table => text::of(&report),
        Format::Json => serde_json::to_string_pretty(&report)? + "\n",
    };
    io::stdout().write_all(printed.as_bytes())?;
    match report.findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Failed(anyhow!("1 finding in `{name}`"))),
        count => Err(Failure::Failed(anyhow!("{count} findings in `{name}`"))),
    }
}
