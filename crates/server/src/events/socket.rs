//! The socket's file.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use crate::Error;

/// A listening socket; its file goes with it.
#[derive(Debug)]
pub(crate) struct EventSocket {
    path: PathBuf,
    listener: UnixListener,
}

impl EventSocket {
    /// Takes the path, also from a process that was killed and left its socket.
    ///
    /// Must be called inside a tokio runtime.
    pub(crate) fn bind(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::EventSocket { path: path.to_owned(), source };
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path) => {
                fs::remove_file(path).and_then(|()| UnixListener::bind(path))
            }
            bound => bound,
        };
        Ok(Self { path: path.to_owned(), listener: bound.map_err(failed)? })
    }

    pub(super) async fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().await.map(|(stream, _)| stream)
    }
}

impl Drop for EventSocket {
    /// While it still listens: from then on another process may take the path.
    fn drop(&mut self) {
        // It may be gone already, with its directory.
        let _ = fs::remove_file(&self.path);
    }
}

/// A socket, and nobody listens.
fn is_abandoned(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && StdUnixStream::connect(path).is_err_and(|error| refused(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_path_is_taken_from_the_dead_and_from_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.sock");
        // The file stays, as it does of a process that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let living = EventSocket::bind(&path).unwrap();
        let error = EventSocket::bind(&path).unwrap_err().to_string();
        assert!(error.contains("events.sock") && error.contains("in use"), "{error}");
        drop(living);
        assert!(!path.exists());

        fs::write(&path, "notes").unwrap();
        EventSocket::bind(&path).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    }
}
