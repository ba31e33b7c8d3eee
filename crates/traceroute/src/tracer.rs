//! What looks for the paths.

use std::net::IpAddr;

use trigpoint_record::tables::traces::{Outcome, Run};

/// Looks for all paths to an address; any number at a time.
pub trait Tracer: Send + Sync + 'static {
    /// One trace, to its end.
    fn trace(&self, target: IpAddr) -> impl Future<Output = Traced> + Send;

    /// Ends the traces that run, each with what it has found.
    fn interrupt(&self);
}

/// What became of a trace.
#[derive(Debug, Clone)]
pub struct Traced {
    /// In a word.
    pub outcome: Outcome,
    /// What exactly went wrong.
    pub detail: Option<String>,
    /// None where nothing was sent.
    pub run: Option<Run>,
}
