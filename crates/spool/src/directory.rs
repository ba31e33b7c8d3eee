//! The spool's directory: one owner at a time, and names that survive a crash.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::Error;

/// Ends the name of a file that is not whole yet.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// A locked directory.  The lock goes with the descriptor, so a killed
/// process leaves none behind.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    handle: File,
}

impl Directory {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if !path.is_dir() {
            fs::create_dir_all(path).map_err(Error::io("create spool directory", path))?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                sync(&File::open(parent).map_err(Error::io("open", parent))?, parent)?;
            }
        }
        let handle = File::open(path).map_err(Error::io("open spool directory", path))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), handle }),
            Err(Errno::WOULDBLOCK) => Err(Error::Locked { directory: path.to_owned() }),
            Err(errno) => Err(Error::io("lock spool directory", path)(errno.into())),
        }
    }

    /// Path of a file in this directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Names of the files in this directory.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        fs::read_dir(&self.path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map(|entries| {
                entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok())
            })
            .map(Iterator::collect)
            .map_err(Error::io("list", &self.path))
    }

    /// Makes names that were created or removed durable.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        sync(&self.handle, &self.path)
    }

    /// Writes a file that exists whole or not at all, and durably, when this
    /// returns; the handle is open for writing behind `contents`.
    pub(crate) fn create(&self, name: &str, contents: &[u8]) -> Result<File, Error> {
        let path = self.file(name);
        let temporary = self.file(&format!("{name}{TEMPORARY_SUFFIX}"));
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(contents).map(|()| file))
            .and_then(|file| file.sync_data().map(|()| file))
            .and_then(|file| fs::rename(&temporary, &path).map(|()| file));
        match written {
            Ok(file) => self.sync().map(|()| file),
            Err(source) => {
                // Of no use to anyone; if it stays, the next one overwrites it.
                let _ = fs::remove_file(&temporary);
                Err(Error::io("create", path)(source))
            }
        }
    }

    /// Removes a file and makes that durable; one that is gone is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", path)(source))
            }
            _ => self.sync(),
        }
    }
}

fn sync(handle: &File, path: &Path) -> Result<(), Error> {
    handle.sync_all().map_err(Error::io("sync", path))
}
