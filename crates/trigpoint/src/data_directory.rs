//! Where a data directory keeps what: one place for every subcommand.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, anyhow};
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
}

impl DataDirectory {
    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What to add to another command so that it works on the same directory.
    pub(crate) fn flag(&self) -> String {
        if self.path == Path::new(DEFAULT) {
            String::new()
        } else {
            format!(" --data-dir '{}'", self.path.display())
        }
    }

    /// The Delta tables.
    pub(crate) fn lake(&self) -> PathBuf {
        self.path.join("lake")
    }

    /// The spool of a station in this directory.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Certificates that were made here.
    pub(crate) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// Makes the directory if it is missing, and fails where nothing can be written.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        fs::create_dir_all(self.lake())
            .with_context(|| format!("cannot make the data directory `{}`", self.path.display()))
            .map_err(Failure::Usage)
    }

    /// Fails where the directory cannot be read; one that does not exist is empty.
    pub(crate) fn check_readable(&self) -> Result<(), Failure> {
        match fs::read_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::Usage(anyhow!(
                "cannot read the data directory `{}`: {error}",
                self.path.display()
            ))),
            _ => Ok(()),
        }
    }
}
