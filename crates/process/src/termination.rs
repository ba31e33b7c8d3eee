//! What a process leaves behind for whoever watches over it: one JSON object, in
//! Kubernetes at `/dev/termination-log`, from where the kubelet takes it into the
//! status of the pod.

use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// The kubelet reads no more (`MaxContainerTerminationMessageLength` of Kubernetes).
pub const MAX_BYTES: usize = 4096;

/// How a shutdown went: the `LastDrain` of `trigpoint.dev/v1alpha1`, and more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The program's version.
    pub version: &'static str,
    /// Tests that were cut off; absent in a program without tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aborted: Option<u64>,
    /// Tests that ended by themselves after the first signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<u64>,
    /// Rows that the collector acknowledged after the first signal.
    pub flushed_rows: u64,
    /// Rows that it did not, and that stay in the spool; absent if that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unflushed_rows: Option<u64>,
    /// From the first signal to the last test's end.
    pub drain_ms: u64,
    /// From there to the end of the upload.
    pub flush_ms: u64,
}

/// How a shutdown went, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Every test ended by itself, and the collector has every row.
    Clean,
    /// A test was cut off, or rows are left.
    Cut,
    /// Nobody knows whether rows are left.
    Unknown,
}

/// A message could not be left.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file does not take it.
    #[error("cannot write the termination message to `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kubelet would cut it.
    #[error("the termination message has {bytes} bytes, of which {MAX_BYTES} would be read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl Outcome {
    /// How it went, in a word.
    pub fn verdict(&self) -> Verdict {
        let is_cut = self.aborted.is_some_and(|tests| tests > 0);
        match self.unflushed_rows {
            Some(0) if !is_cut => Verdict::Clean,
            None if !is_cut => Verdict::Unknown,
            _ => Verdict::Cut,
        }
    }

    /// Leaves the outcome at `path`.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        #[derive(Serialize)]
        struct Message<'a> {
            at: String,
            outcome: Verdict,
            seconds: u64,
            #[serde(flatten)]
            figures: &'a Outcome,
        }
        let message = Message {
            at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            outcome: self.verdict(),
            seconds: (self.drain_ms + self.flush_ms).div_ceil(1000),
            figures: self,
        };
        write(path, &message)
    }
}

/// Leaves `message` at `path` as one line of JSON.
pub fn write(path: &Path, message: &impl Serialize) -> Result<(), WriteError> {
    let failed = |source| WriteError::Write { path: path.to_owned(), source };
    let line = serde_json::to_string(message).map_err(|error| failed(error.into()))? + "\n";
    if line.len() > MAX_BYTES {
        return Err(WriteError::TooLong { bytes: line.len() });
    }
    // Not renamed into place: the kubelet mounts the file itself.
    std::fs::write(path, line).map_err(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use trigpoint_crd::node::{DrainOutcome, LastDrain};

    use super::*;

    const CLEAN: Outcome = Outcome {
        version: "1.2.3",
        aborted: Some(0),
        completed: Some(2),
        flushed_rows: 40,
        unflushed_rows: Some(0),
        drain_ms: 1500,
        flush_ms: 20,
    };

    fn written(outcome: &Outcome) -> Value {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("termination-log");
        outcome.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_outcome_is_what_the_definition_of_a_node_reads() {
        let read: LastDrain = serde_json::from_value(written(&CLEAN)).unwrap();
        assert_eq!(read.outcome, DrainOutcome::Clean);
        assert_eq!((read.aborted, read.completed), (Some(0), Some(2)));
        assert_eq!((read.flushed_rows, read.unflushed_rows), (Some(40), Some(0)));
        assert_eq!(read.seconds, Some(2));
        assert_eq!(written(&CLEAN)["version"], json!("1.2.3"));
    }

    #[test]
    fn what_is_not_known_is_absent_and_no_clean_end() {
        let unknown = Outcome { unflushed_rows: None, ..CLEAN };
        let read: LastDrain = serde_json::from_value(written(&unknown)).unwrap();
        assert_eq!((read.outcome, read.unflushed_rows), (DrainOutcome::Unknown, None));
        for cut in [
            Outcome { aborted: Some(1), ..CLEAN },
            Outcome { unflushed_rows: Some(1), ..CLEAN },
            Outcome { aborted: Some(1), unflushed_rows: None, ..CLEAN },
        ] {
            assert_eq!(cut.verdict(), Verdict::Cut, "{cut:?}");
        }
        let no_tests = Outcome { aborted: None, completed: None, ..CLEAN };
        assert_eq!(no_tests.verdict(), Verdict::Clean);
    }

    #[test]
    fn a_message_that_would_be_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("termination-log");
        let long = "x".repeat(MAX_BYTES);
        assert!(matches!(write(&path, &long), Err(WriteError::TooLong { .. })));
        assert!(!path.exists());
    }
}
