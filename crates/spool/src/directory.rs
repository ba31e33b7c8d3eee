//! The spool's directory: files that are whole or not there, names that
//! survive a crash, and errors that say where.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    disk::{Disk, DiskFile, Inspection},
};

/// Ends the name of a file that is not whole yet.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// A disk, and where it is.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    disk: Box<dyn Disk>,
}

impl Directory {
    pub(crate) fn new(path: &Path, disk: Box<dyn Disk>) -> Self {
        Self { path: path.to_owned(), disk }
    }

    /// Path of a file in this directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Names of the files in this directory.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        self.disk.names().map_err(Error::io("list", &self.path))
    }

    /// Makes names that were created or removed durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.disk.sync().map_err(Error::io("sync", &self.path))
    }

    pub(crate) fn inspect(&self, name: &str) -> Result<Inspection, Error> {
        self.disk.inspect(name).map_err(Error::io("inspect", self.file(name)))
    }

    /// Opens a file for reading; `None` when it is gone.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Box<dyn DiskFile>>, Error> {
        match self.disk.open(name) {
            Ok(file) => Ok(Some(file)),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::io("open", self.file(name))(source)),
        }
    }

    /// Opens a file for reading and writing.
    pub(crate) fn open_to_write(&self, name: &str) -> Result<Box<dyn DiskFile>, Error> {
        self.disk.open_to_write(name).map_err(Error::io("open for writing", self.file(name)))
    }

    /// Writes a file that exists whole or not at all, and durably, when this
    /// returns; the handle is open for writing behind `contents`.
    ///
    /// After an error the file may exist all the same, but not durably.
    pub(crate) fn create(&self, name: &str, contents: &[u8]) -> Result<Box<dyn DiskFile>, Error> {
        let temporary = format!("{name}{TEMPORARY_SUFFIX}");
        let written = self
            .disk
            .create(&temporary)
            .and_then(|file| file.write_all_at(contents, 0).map(|()| file))
            .and_then(|file| file.sync_data().map(|()| file))
            .and_then(|file| self.disk.rename(&temporary, name).map(|()| file));
        match written {
            Ok(file) => self.sync().map(|()| file),
            Err(source) => {
                // Of no use to anyone; if it stays, the next one overwrites it.
                let _ = self.disk.remove(&temporary);
                Err(Error::io("create", self.file(name))(source))
            }
        }
    }

    /// Removes a file and makes that durable; one that is gone is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        match self.disk.remove(name) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", self.file(name))(source))
            }
            _ => self.sync(),
        }
    }
}
