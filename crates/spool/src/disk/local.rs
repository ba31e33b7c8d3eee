//! A directory of this host, with one owner at a time.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, FlockOperation, access, flock},
    io::Errno,
};

use super::{Disk, DiskFile, Inspection};
use crate::Error;

/// A locked directory.  The lock goes with the descriptor, so a killed
/// process leaves none behind.
#[derive(Debug)]
pub(crate) struct LocalDisk {
    path: PathBuf,
    handle: File,
}

impl LocalDisk {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        make(path)?;
        // Refused here and now: a spool that takes no rows is of no use.
        access(path, Access::WRITE_OK)
            .map_err(|errno| Error::io("write to spool directory", path)(errno.into()))?;
        let handle = File::open(path).map_err(Error::io("open spool directory", path))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), handle }),
            Err(Errno::WOULDBLOCK) => Err(Error::Locked { directory: path.to_owned() }),
            Err(errno) => Err(Error::io("lock spool directory", path)(errno.into())),
        }
    }
}

/// Makes a directory and those above it, each durable in the one above.
fn make(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            return Err(Error::io("create spool directory", path)(error));
        }
        _ => {}
    }
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(Error::io("sync", parent))
}

impl Disk for LocalDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // A name that is no text is not ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn inspect(&self, name: &str) -> io::Result<Inspection> {
        let metadata = fs::metadata(self.path.join(name))?;
        Ok(Inspection { len: metadata.len(), modified: metadata.modified()? })
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = File::options().read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::create(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}
