//! `trigpoint lake vacuum`.

use std::io::{self, Write as _};
use std::time::Duration;

use chrono::Utc;
use trigpoint_lake::{LogCleaning, Vacuum};
use trigpoint_process::{Failure, duration};

use super::megabytes;
use crate::data_directory::DataDirectory;

/// Delete files and log entries that no table needs any more
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// A file that was never committed goes when it is older; longer than any
    /// commit or merge takes
    #[arg(
        long,
        env = "TRIGPOINT_ORPHAN_AGE",
        value_name = "DURATION",
        default_value = "60m",
        value_parser = duration::parse
    )]
    orphan_age: Duration,
    /// A file that was replaced or removed goes so long afterwards; longer than
    /// any query takes [default: the table's delta.deletedFileRetentionDuration]
    #[arg(
        long,
        env = "TRIGPOINT_DELETED_FILE_AGE",
        value_name = "DURATION",
        value_parser = duration::parse
    )]
    deleted_file_age: Option<Duration>,
    /// A log entry goes when it is older and in a checkpoint
    /// [default: the table's delta.logRetentionDuration]
    #[arg(long, env = "TRIGPOINT_LOG_AGE", value_name = "DURATION", value_parser = duration::parse)]
    log_age: Option<Duration>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    options.data.check_readable()?;
    let lake = options.data.lake()?;
    let vacuum =
        Vacuum { orphan_age: options.orphan_age, deleted_file_age: options.deleted_file_age };
    let log = LogCleaning { age: options.log_age };
    for table in lake.tables() {
        let done = lake.vacuum(table, &vacuum, Utc::now()).await?;
        let entries = lake.clean_log(table, &log, Utc::now()).await?;
        writeln!(
            io::stdout(),
            "{}: deleted {} removed files, {} orphans and {} staging files of {}, \
             and {entries} log entries",
            table.name,
            done.removed_files,
            done.orphans,
            done.staging_files,
            megabytes(done.bytes),
        )?;
    }
    Ok(())
}
