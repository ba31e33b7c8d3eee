//! `trigpoint export`: the rows of a query as a file for other programs.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::ValueEnum;
use trigpoint_process::Failure;

use crate::output::{Output, unless_interrupted};
use crate::source::Source;

/// Write the rows of a query to a file, as Parquet, CSV or JSON lines
///
/// The file appears when it is complete. Rows are written as they are found, so a result may be
/// larger than memory; but what the query itself sorts or joins is held.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One SELECT
    #[arg(env = "TRIGPOINT_SQL")]
    sql: String,
    #[command(flatten)]
    source: Source,
    /// File that is made, or `-` for stdout
    #[arg(long, short, env = "TRIGPOINT_OUTPUT", value_name = "FILE")]
    output: PathBuf,
    /// How rows are written [default: by the file's extension]
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT")]
    format: Option<Format>,
    /// Replace the file if it exists
    #[arg(long, env = "TRIGPOINT_FORCE")]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Every type as it is stored; the query and the versions of its tables in the metadata
    Parquet,
    /// A header and a line per row; lists and structs as JSON, NULL as nothing, times in UTC
    Csv,
    /// An object per line
    #[value(alias = "ndjson")]
    Jsonl,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let format = options.format()?;
    let is_stdout = options.output == Path::new("-");
    if is_stdout && format == Format::Parquet && io::stdout().is_terminal() {
        let reason = "Parquet is nothing for a terminal: name a file, or redirect stdout";
        return Err(Failure::Usage(anyhow!(reason)));
    }
    let written = unless_interrupted(async {
        let output = Output::at(&options.output, options.force)?;
        let answer = options.source.ask(&options.sql).await?;
        output.write(answer, format.into()).await
    })
    .await?;
    if !is_stdout {
        let rows = if written.rows == 1 { "row" } else { "rows" };
        let (count, bytes) = (written.rows, written.bytes);
        let path = options.output.display();
        writeln!(io::stdout(), "{count} {rows}, {bytes} bytes in `{path}`")?;
    }
    Ok(())
}

impl Options {
    fn format(&self) -> Result<Format, Failure> {
        let extension = || self.output.extension()?.to_str();
        let named = || Format::from_str(extension()?, true).ok();
        self.format.or_else(named).ok_or_else(|| {
            let path = self.output.display();
            Failure::Usage(anyhow!(
                "`{path}` does not end in .parquet, .csv or .jsonl: add --format parquet|csv|jsonl"
            ))
        })
    }
}

impl From<Format> for trigpoint_lake::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Parquet => Self::Parquet,
            Format::Csv => Self::Csv,
            Format::Jsonl => Self::JsonLines,
        }
    }
}
