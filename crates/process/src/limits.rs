//! What the operating system allows this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// Raises the number of open files to what the process may ask for: the usual
/// soft limit of 1,024 is below the connections that a server holds.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        debug!(%error, current = ?limit.current, "open files stay limited");
    }
}

/// How many files the process may have open; `None` is without limit.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
