//! `trigpoint query`: SQL over the tables, also while a station writes there.

use std::io::{self, IsTerminal as _};

use trigpoint_lake::Format;
use trigpoint_process::Failure;

use crate::output::Output;
use crate::source::Source;

/// Ask the tables in SQL, e.g. `SELECT count(*) FROM snapshots`
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One SELECT, EXPLAIN, SHOW TABLES or DESCRIBE
    #[arg(env = "TRIGPOINT_SQL")]
    sql: String,
    #[command(flatten)]
    source: Source,
    /// How the rows are printed: table, csv, json, jsonl or parquet
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "table")]
    format: Format,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let answer = options.source.ask(&options.sql).await?;
    Output::stdout().write(answer, fitted(options.format)).await?;
    Ok(())
}

/// A table is fitted to the terminal it goes to.
pub(crate) fn fitted(format: Format) -> Format {
    match format {
        Format::Table { .. } if io::stdout().is_terminal() => {
            let width = terminal_size::terminal_size().map(|(width, _)| width.0.into());
            Format::Table { width }
        }
        other => other,
    }
}
