//! How a process ended, for whoever watches over it: one JSON object, in
//! Kubernetes at `/dev/termination-log`.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// What the shutdown achieved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The program's version.
    pub version: &'static str,
    /// Whether every running test was left to end by itself.
    pub drained: bool,
    /// Whether everything recorded was acknowledged by the collector.
    pub flushed: bool,
    /// Batches that stay in the spool for the next start.
    pub unacknowledged_batches: u64,
    /// From the first signal to the last test's end.
    pub drain_ms: u64,
    /// From the last test's end to the end of the upload.
    pub flush_ms: u64,
}

/// The outcome could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the termination message to `{}`: {source}", path.display())]
pub struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

impl Outcome {
    /// Writes the outcome as one line of JSON.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        // Not renamed into place: the kubelet mounts the file itself.
        serde_json::to_string(self)
            .map_err(std::io::Error::from)
            .and_then(|line| std::fs::write(path, line + "\n"))
            .map_err(|source| WriteError { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_is_one_line_of_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("termination-log");
        let outcome = Outcome {
            version: "1.2.3",
            drained: true,
            flushed: false,
            unacknowledged_batches: 7,
            drain_ms: 1500,
            flush_ms: 20,
        };
        outcome.write(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"version\":\"1.2.3\",\"drained\":true,\"flushed\":false,\
             \"unacknowledged_batches\":7,\"drain_ms\":1500,\"flush_ms\":20}\n"
        );
    }
}
