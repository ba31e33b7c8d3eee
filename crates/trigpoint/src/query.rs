//! `trigpoint query`: SQL over the tables, also while a station writes there.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use anyhow::anyhow;
use trigpoint_lake::{Format, QueryError};
use trigpoint_process::Failure;

use crate::data_directory::DataDirectory;

/// Ask the tables in SQL, e.g. `SELECT count(*) FROM snapshots`
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One SELECT, EXPLAIN, SHOW TABLES or DESCRIBE
    #[arg(env = "TRIGPOINT_SQL")]
    sql: String,
    #[command(flatten)]
    data: DataDirectory,
    /// How the rows are printed: table, csv, json, jsonl or parquet
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "table")]
    format: Format,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    options.data.check_readable()?;
    let lake = options.data.lake()?;
    let answer = lake.session().query(&options.sql).await.map_err(|error| match error {
        QueryError::Lake(error) => anyhow!(error.line()),
        other => other.into(),
    })?;
    if let Some(missing) = options.data.missing() {
        // Not a failure: a station may be about to start there. But maybe a typing error.
        let path = missing.display();
        let _ = writeln!(io::stderr(), "note: `{path}` does not exist yet, its tables are empty");
    }
    let mut output = Output::new();
    let written = trigpoint_lake::write(answer, fitted(options.format), &mut output).await;
    let flushed = output.inner.flush();
    // The encoders of Arrow and Parquet hide the kind of an output's error.
    if output.reader_left || is_broken_pipe(&flushed) {
        return Ok(());
    }
    written?;
    flushed?;
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

/// Standard output that remembers whether its reader went away.
struct Output {
    inner: BufWriter<io::Stdout>,
    reader_left: bool,
}

impl Output {
    fn new() -> Self {
        Self { inner: BufWriter::new(io::stdout()), reader_left: false }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.reader_left |= is_broken_pipe(&result);
        result
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.inner.flush();
        self.reader_left |= is_broken_pipe(&result);
        result
    }
}

fn is_broken_pipe<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
