//! `trigpoint query`: SQL over the tables, also while a station writes there.

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use trigpoint_lake::{Answer, Format, QueryError};
use trigpoint_process::Failure;
use trigpoint_query::Client;

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
    /// Ask a query service instead, like `grpc+tls://HOST:9410`
    #[arg(long, env = "TRIGPOINT_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    /// File with the token for the query service
    #[arg(long, env = "TRIGPOINT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates to trust in PEM format, instead of the system's
    #[arg(long, env = "TRIGPOINT_CACERT", value_name = "FILE")]
    cacert: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let answer = match &options.endpoint {
        Some(endpoint) => options.ask_service(endpoint).await?,
        None => options.ask_tables().await?,
    };
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

impl Options {
    async fn ask_tables(&self) -> Result<Answer, Failure> {
        self.data.check_readable()?;
        let lake = self.data.lake()?;
        let answer = lake.session().query(&self.sql).await.map_err(|error| match error {
            QueryError::Lake(error) => anyhow!(error.line()),
            other => other.into(),
        })?;
        if let Some(missing) = self.data.missing() {
            // Not a failure: a station may be about to start there. But maybe a typing error.
            let path = missing.display();
            let note = format!("note: `{path}` does not exist yet, its tables are empty");
            let _ = writeln!(io::stderr(), "{note}");
        }
        Ok(answer)
    }

    async fn ask_service(&self, endpoint: &str) -> Result<Answer, Failure> {
        let token = self.token_file.as_deref().map(read).transpose()?;
        let certificates = self.cacert.as_deref().map(read).transpose()?;
        let token = token.as_deref().map(str::trim);
        let mut client = Client::connect(endpoint, token, certificates.as_deref()).await?;
        Ok(client.query(&self.sql).await?)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = || format!("cannot read `{}`", path.display());
    fs::read_to_string(path).with_context(cannot).map_err(Failure::Usage)
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
