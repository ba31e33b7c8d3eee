//! Staging files that a killed process left on the local disk.
//!
//! Listings of the store leave them out, so the directories are walked.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use trigpoint_record::Table;

use super::Vacuumed;
use crate::{Error, Lake, quarantine, store};

impl Lake {
    /// Deletes staging files of the table and of its quarantine that are older
    /// than `before`; a bucket has none.
    pub(super) async fn sweep_staging_files(
        &self,
        table: &'static Table,
        before: DateTime<Utc>,
        done: &mut Vacuumed,
    ) -> Result<(), Error> {
        let Some(root) = self.directory() else { return Ok(()) };
        let directories = [root.join(table.name), root.join(quarantine::FOLDER).join(table.name)];
        let swept = tokio::task::spawn_blocking(move || {
            let mut swept = Vacuumed::default();
            for directory in directories {
                sweep(&directory, before, &mut swept)?;
            }
            Ok(swept)
        });
        let swept = match swept.await {
            Ok(swept) => swept?,
            Err(error) => {
                return Err(Error::Rewrite { table: table.name, reason: error.to_string() });
            }
        };
        done.staging_files += swept.staging_files;
        done.bytes += swept.bytes;
        Ok(())
    }
}

fn sweep(directory: &Path, before: DateTime<Utc>, swept: &mut Vacuumed) -> Result<(), Error> {
    let failed =
        |source| Error::Directory { operation: "clean up", path: PathBuf::from(directory), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_dir() {
            sweep(&entry.path(), before, swept)?;
        } else if store::is_staging(&entry.file_name()) {
            match remove_old(&entry, before) {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    swept.staging_files += 1;
                    swept.bytes += bytes;
                }
                // Its writer, or a rival, was here first.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
    Ok(())
}

/// The bytes of the file if it was old, and is gone now.
fn remove_old(entry: &DirEntry, before: DateTime<Utc>) -> io::Result<Option<u64>> {
    let metadata = entry.metadata()?;
    if DateTime::<Utc>::from(metadata.modified()?) >= before {
        return Ok(None);
    }
    fs::remove_file(entry.path())?;
    Ok(Some(metadata.len()))
}
