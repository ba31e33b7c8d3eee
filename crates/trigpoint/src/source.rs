//! Whom a statement is asked: the tables here, or a query service elsewhere.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use trigpoint_lake::{Answer, QueryError};
use trigpoint_process::Failure;
use trigpoint_query::Client;

use crate::data_directory::DataDirectory;

/// The flags of subcommands that ask in SQL.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    #[command(flatten)]
    data: DataDirectory,
    /// Ask a query service instead, like `grpc+tls://HOST:9410`
    #[arg(long, env = "TRIGPOINT_ENDPOINT", value_name = "URL")]
    endpoint: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
}

/// How a query service is asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Credentials {
    /// File with the token for the query service
    #[arg(long, env = "TRIGPOINT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates to trust in PEM format, instead of the system's
    #[arg(long, env = "TRIGPOINT_CACERT", value_name = "FILE")]
    cacert: Option<PathBuf>,
}

impl Credentials {
    /// The token and the certificates, where they are given.
    pub(crate) fn read(&self) -> Result<(Option<String>, Option<String>), Failure> {
        let token = self.token_file.as_deref().map(read).transpose()?;
        let certificates = self.cacert.as_deref().map(read).transpose()?;
        Ok((token.map(|token| token.trim().to_owned()), certificates))
    }
}

impl Source {
    /// Starts a query, and says on stderr if there is nothing to ask.
    pub(crate) async fn ask(&self, sql: &str) -> Result<Answer, Failure> {
        match &self.endpoint {
            Some(endpoint) => self.ask_service(endpoint, sql).await,
            None => self.ask_tables(sql).await,
        }
    }

    async fn ask_tables(&self, sql: &str) -> Result<Answer, Failure> {
        self.data.check_readable()?;
        let lake = self.data.lake()?;
        let answer = lake.session().query(sql).await.map_err(|error| match error {
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

    async fn ask_service(&self, endpoint: &str, sql: &str) -> Result<Answer, Failure> {
        let (token, certificates) = self.credentials.read()?;
        let (token, certificates) = (token.as_deref(), certificates.as_deref());
        let mut client = Client::connect(endpoint, token, certificates).await?;
        Ok(client.query(sql).await?)
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    let cannot = || format!("cannot read `{}`", path.display());
    fs::read_to_string(path).with_context(cannot).map_err(Failure::Usage)
}
