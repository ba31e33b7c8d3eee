//! Where a data directory keeps what: one place for every subcommand.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, anyhow};
use trigpoint_lake::Lake;
use trigpoint_process::Failure;

const DEFAULT: &str = "trigpoint-data";

/// The flag of every subcommand that works on stored data.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DataDirectory {
    /// Directory of everything that is stored
    #[arg(
        long = "data-dir",
        env = "TRIGPOINT_DATA_DIR",
        value_name = "DIR",
        default_value = DEFAULT
    )]
    path: PathBuf,
    /// Where the tables are: a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX
    /// [default: `lake` in the data directory]
    ///
    /// Keys and endpoints of buckets come from the environment, as other tools
    /// read them: AWS_ACCESS_KEY_ID, AWS_REGION, AWS_ENDPOINT_URL,
    /// AWS_WEB_IDENTITY_TOKEN_FILE, AWS_SHARED_CREDENTIALS_FILE,
    /// GOOGLE_APPLICATION_CREDENTIALS and so on.
    #[arg(long, env = "TRIGPOINT_LAKE", value_name = "DIR|URL")]
    lake: Option<String>,
}

impl DataDirectory {
    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What to add to another command so that it works on the same directory.
    pub(crate) fn flag(&self) -> String {
        let mut flag = String::new();
        if self.path != Path::new(DEFAULT) {
            flag = format!(" --data-dir '{}'", self.path.display());
        }
        if let Some(lake) = &self.lake {
            flag = format!("{flag} --lake '{lake}'");
        }
        flag
    }

    /// The Delta tables; nothing is asked of their store yet.
    pub(crate) fn lake(&self) -> Result<Lake, Failure> {
        let inside = self.path.join("lake");
        let location = self.lake.as_deref().map_or_else(|| inside.to_string_lossy(), Into::into);
        Lake::open(&location).map_err(Failure::usage)
    }

    /// The Delta tables, in a store that was proven fit for them.
    pub(crate) async fn proven_lake(&self) -> Result<Lake, Failure> {
        let lake = self.lake()?;
        lake.probe().await?;
        Ok(lake)
    }

    /// The directory of the tables, if it should be there and is not.
    pub(crate) fn missing(&self) -> Option<&Path> {
        (self.lake.is_none() && !self.path.exists()).then_some(&self.path)
    }

    /// The spool of a station in this directory.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// The spool of the tracer beside it.
    pub(crate) fn traces_spool(&self) -> PathBuf {
        self.path.join("traces-spool")
    }

    /// What queries keep on disk while they run.
    pub(crate) fn spill(&self) -> PathBuf {
        self.path.join("spill")
    }

    /// Certificates that were made here.
    pub(crate) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// Makes the directory if it is missing, and fails where nothing can be written.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.path)
            .with_context(|| format!("cannot make the data directory `{}`", self.path.display()))
            .map_err(Failure::Usage)
    }

    /// Fails where the directory cannot be read; one that does not exist is
    /// empty, and with tables elsewhere it does not matter.
    pub(crate) fn check_readable(&self) -> Result<(), Failure> {
        if self.lake.is_some() {
            return Ok(());
        }
        match fs::read_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::Usage(anyhow!(
                "cannot read the data directory `{}`: {error}",
                self.path.display()
            ))),
            _ => Ok(()),
        }
    }
}
