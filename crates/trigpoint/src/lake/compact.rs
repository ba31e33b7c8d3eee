//! `trigpoint lake compact`.

use std::io::{self, Write as _};
use std::time::Duration;

use chrono::Utc;
use trigpoint_lake::Compaction;
use trigpoint_process::{Failure, duration};

use super::megabytes;
use crate::data_directory::DataDirectory;

/// Merge small files into few sorted ones
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// A day is merged as a whole so long after its end and its last row
    #[arg(
        long,
        env = "TRIGPOINT_CLOSED_AFTER",
        value_name = "DURATION",
        default_value = "180m",
        value_parser = duration::parse
    )]
    closed_after: Duration,
    /// A day that is not over is merged when it has more small files than this
    #[arg(long, env = "TRIGPOINT_SMALL_FILES", value_name = "COUNT", default_value = "64")]
    small_files: usize,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    options.data.check_readable()?;
    let lake = options.data.lake()?;
    let settings = Compaction {
        closed_after: options.closed_after,
        small_files: options.small_files,
        ..Compaction::default()
    };
    for table in lake.tables() {
        let done = lake.compact(table, &settings, Utc::now()).await?;
        writeln!(
            io::stdout(),
            "{}: {} files of {} became {} of {}",
            table.name,
            done.files_removed,
            megabytes(done.bytes_removed),
            done.files_added,
            megabytes(done.bytes_added),
        )?;
    }
    Ok(())
}
