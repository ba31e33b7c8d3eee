//! A disk that forgets at a power cut what was not synced: the contents of
//! files and the entries of directories, each for itself (fsync(2)).
//!
//! Processes write to `DISK/now` as they please.  Each fsync is written down in
//! `DISK/synced`: of a file that its contents are durable, of a directory which
//! names lead to which inodes.  A power cut makes `DISK/now` what these say.
//! This is the least that a file system may keep; real ones keep more.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

#[derive(Debug)]
pub(crate) struct PageCache {
    disk: PathBuf,
    /// Two syncs of one directory must not be written down in the wrong order.
    turn: Mutex<()>,
}

/// What a durable name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Inode {
    File(u64),
    Directory(u64),
}

type Entries = BTreeMap<String, Inode>;

impl PageCache {
    /// The disk in this directory, made when it is not there.
    pub(crate) fn new(disk: &Path) -> Self {
        let cache = Self { disk: disk.to_owned(), turn: Mutex::default() };
        if !disk.exists() {
            fs::create_dir_all(cache.root()).unwrap();
            cache.all_is_durable();
        }
        cache
    }

    /// The root of what processes see.
    pub(crate) fn root(&self) -> PathBuf {
        self.disk.join("now")
    }

    fn file(&self, inode: u64) -> PathBuf {
        self.disk.join("synced/files").join(inode.to_string())
    }

    fn directory(&self, inode: u64) -> PathBuf {
        self.disk.join("synced/directories").join(inode.to_string())
    }

    /// Takes note of an fsync.
    pub(crate) fn synced(&self, path: &Path, file: &File) -> io::Result<()> {
        if !path.starts_with(self.root()) {
            return Ok(());
        }
        let metadata = file.metadata()?;
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if metadata.is_dir() {
            return self.note_entries(path, metadata.ino());
        }
        // A link keeps contents and number of the inode, whatever becomes of its names.
        match fs::hard_link(path, self.file(metadata.ino())) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Whole or not at all: the process may be killed here as well.
    fn note_entries(&self, path: &Path, inode: u64) -> io::Result<()> {
        let mut entries = Entries::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            let inode = if metadata.is_dir() {
                Inode::Directory(metadata.ino())
            } else {
                Inode::File(metadata.ino())
            };
            entries.insert(name(&entry), inode);
        }
        let place = self.directory(inode);
        let temporary = place.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&temporary, serde_json::to_vec(&entries)?)?;
        fs::rename(temporary, place)
    }

    /// Forgets everything that was not synced.  Nobody may have the disk open.
    pub(crate) fn power_cut(&self) {
        let (now, after) = (self.root(), self.disk.join("after"));
        self.restore(fs::metadata(&now).unwrap().ino(), &after);
        fs::remove_dir_all(&now).unwrap();
        fs::rename(&after, &now).unwrap();
        self.all_is_durable();
    }

    fn restore(&self, inode: u64, to: &Path) {
        fs::create_dir(to).unwrap();
        // A directory that was never synced has no entries.
        let Ok(noted) = fs::read(self.directory(inode)) else { return };
        let entries: Entries = serde_json::from_slice(&noted).unwrap();
        for (name, inode) in entries {
            let path = to.join(name);
            match inode {
                Inode::Directory(inode) => self.restore(inode, &path),
                // Of a file that was never synced only the name is there.
                Inode::File(inode) => {
                    if fs::hard_link(self.file(inode), &path).is_err() {
                        fs::write(&path, []).unwrap();
                    }
                }
            }
        }
    }

    /// What the machine finds when it starts again.
    fn all_is_durable(&self) {
        let synced = self.disk.join("synced");
        let _ = fs::remove_dir_all(&synced);
        fs::create_dir_all(synced.join("files")).unwrap();
        fs::create_dir_all(synced.join("directories")).unwrap();
        self.durable_from(&self.root());
    }

    fn durable_from(&self, directory: &Path) {
        let handle = File::open(directory).unwrap();
        self.synced(directory, &handle).unwrap();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.durable_from(&path);
            } else {
                self.synced(&path, &File::open(&path).unwrap()).unwrap();
            }
        }
    }
}

fn name(entry: &DirEntry) -> String {
    entry.file_name().into_string().unwrap()
}
