//! Who changed what, as the API server itself wrote it down.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::Directory;

/// The log of what the operator changes, or tries to.
#[derive(Debug)]
pub struct Audit {
    pub(super) policy: PathBuf,
    pub(super) log: PathBuf,
    read: Mutex<Read>,
}

/// What was read of the log so far.
#[derive(Debug, Default)]
struct Read {
    bytes: u64,
    changes: Vec<Change>,
}

/// A request that changed something, or was to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As in `create`, `update`, `patch`, `delete`.
    pub verb: String,
    /// As in `pods` or `measurementnodes/status`.
    pub resource: String,
    /// What it was answered.
    pub code: u64,
}

impl Audit {
    pub(super) fn new(directory: &Directory) -> Self {
        Self {
            policy: directory.join("audit-policy"),
            log: directory.join("audit.log"),
            read: Mutex::default(),
        }
    }

    /// Changes by that user are written down, everything else is not.
    pub(super) fn policy(user: &str) -> Value {
        json!({
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{
                "level": "Metadata",
                "users": [user],
                "verbs": ["create", "update", "patch", "delete", "deletecollection"],
            }],
        })
    }

    /// All so far, in order; trials (`dryRun`) are none.
    #[track_caller]
    pub fn changes(&self) -> Vec<Change> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let text = self
            .text(read.bytes)
            .unwrap_or_else(|error| panic!("read `{}`: {error}", self.log.display()));
        // The last line may be under way.
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        read.bytes += end as u64;
        let events = text[..end].lines().filter_map(|line| serde_json::from_str(line).ok());
        let is_trial = |event: &Value| {
            event["requestURI"].as_str().is_some_and(|path| path.contains("dryRun="))
        };
        read.changes.extend(events.filter(|event| !is_trial(event)).map(|event| change(&event)));
        read.changes.clone()
    }

    fn text(&self, from: u64) -> io::Result<String> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    }
}

fn change(event: &Value) -> Change {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let object = &event["objectRef"];
    let mut resource = text(&object["resource"]);
    if let Some(part) = object["subresource"].as_str() {
        resource = format!("{resource}/{part}");
    }
    let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
    Change { verb: text(&event["verb"]), resource, code }
}
