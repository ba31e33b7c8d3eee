//! The few calls on a file system that a spool makes: the seam at which its
//! tests put a disk that fails, forgets and tears.

use std::{fmt, io, time::SystemTime};

mod local;

pub(crate) use local::LocalDisk;

/// One flat directory.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Names of its files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Length and last change of a file.
    fn inspect(&self, name: &str) -> io::Result<Inspection>;
    /// Opens a file for reading.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file for reading and writing.
    fn open_to_write(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Makes an empty file, in place of one with that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, in place of one with that name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes durable which names there are.
    fn sync(&self) -> io::Result<()>;
}

/// What a disk knows of a file without opening it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inspection {
    pub(crate) len: u64,
    pub(crate) modified: SystemTime,
}

/// An open file.
pub(crate) trait DiskFile: fmt::Debug + Send + Sync {
    /// Reads some bytes at `offset`; 0 behind the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes some of `bytes` at `offset`.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts the file off at `len`.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Makes what was written durable, and the length with it.
    fn sync_data(&self) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The bytes from `start` to `end`, or to the end of a shorter file.
    fn read_range(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; end.saturating_sub(start) as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.read_at(&mut bytes[filled..], start + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
