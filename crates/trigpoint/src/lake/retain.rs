//! `trigpoint lake retain`.

use std::io::{self, Write as _};

use chrono::{Days, Utc};
use trigpoint_process::Failure;

use super::megabytes;
use crate::data_directory::DataDirectory;

/// Take old days out of the tables, or the client addresses out of old days
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// Whole days, in UTC, that ended longer ago are removed
    #[arg(
        long,
        env = "TRIGPOINT_KEEP_DAYS",
        value_name = "DAYS",
        required_unless_present = "addresses_days"
    )]
    keep_days: Option<u32>,
    /// Client addresses of days that ended longer ago are cut to /24 and /48;
    /// `vacuum` then deletes the files that held them
    #[arg(long, env = "TRIGPOINT_ADDRESSES_DAYS", value_name = "DAYS")]
    addresses_days: Option<u32>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    options.data.check_readable()?;
    let lake = options.data.lake()?;
    let now = Utc::now();
    let days_ago = |days: u32| now.date_naive() - Days::new(days.into());
    if let Some(before) = options.keep_days.map(days_ago) {
        for table in lake.tables() {
            let done = lake.retain(table, before, now).await?;
            let (name, files, bytes) = (table.name, done.files, megabytes(done.bytes));
            writeln!(io::stdout(), "{name}: removed {files} files of {bytes} before {before}")?;
        }
    }
    if let Some(before) = options.addresses_days.map(days_ago) {
        for table in lake.tables() {
            let done = lake.cut_addresses(table, before, now).await?;
            let (name, files, bytes) = (table.name, done.files, megabytes(done.bytes));
            writeln!(
                io::stdout(),
                "{name}: cut addresses in {files} files of {bytes} before {before}"
            )?;
        }
        let batches = lake.empty_quarantine(before).await?;
        writeln!(io::stdout(), "quarantine: emptied {batches} batches from before {before}")?;
    }
    Ok(())
}
