//! A directory per test, kept for inspection when the test fails.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Removed at the end of a test that passed.
#[derive(Debug)]
pub struct Directory {
    directory: Option<TempDir>,
}

impl Directory {
    /// An empty directory that nobody else uses.
    pub fn new() -> Self {
        let directory = tempfile::Builder::new()
            .prefix("trigpoint-test-")
            .tempdir()
            .unwrap_or_else(|error| panic!("cannot make a temporary directory: {error}"));
        Self { directory: Some(directory) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.as_ref().map_or(Path::new(""), TempDir::path)
    }

    /// A path below it.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }
}

impl Default for Directory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Directory {
    #[expect(clippy::print_stderr, reason = "libtest shows it with the failure")]
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("kept for inspection: {}", directory.keep().display());
        }
    }
}
