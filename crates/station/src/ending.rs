//! How a program of the pod ends.

use std::path::PathBuf;
use std::time::Duration;

use tracing::info;
use trigpoint_process::facts::Facts;
use trigpoint_process::{Failure, duration, termination};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ending")]
pub(crate) struct Ending {
    /// How long clients are still taken on after a signal, at most
    #[arg(
        long,
        env = "TRIGPOINT_LAME_DUCK",
        value_name = "DURATION",
        default_value = "35s",
        value_parser = duration::parse
    )]
    pub(crate) lame_duck: Duration,
    /// How long the rest is delivered in the end, at most
    #[arg(
        long,
        env = "TRIGPOINT_FLUSH_DEADLINE",
        value_name = "DURATION",
        default_value = "45s",
        value_parser = duration::parse
    )]
    pub(crate) flush_deadline: Duration,
    /// Where to write as JSON how the end went, or what a check found, in Kubernetes
    /// /dev/termination-log
    #[arg(long, env = "TRIGPOINT_TERMINATION_LOG", value_name = "FILE")]
    termination_log: Option<PathBuf>,
}

impl Ending {
    /// Says how the end went.
    pub(crate) fn report(&self, outcome: &termination::Outcome) -> Result<(), Failure> {
        info!(verdict = ?outcome.verdict(), ?outcome, "ended");
        if let Some(path) = &self.termination_log {
            outcome.write(path)?;
        }
        Ok(())
    }

    /// Leaves facts for whoever asked for the check.
    pub(crate) fn tell(&self, facts: &Facts) -> Result<(), Failure> {
        if let Some(path) = &self.termination_log {
            termination::write(path, facts)?;
        }
        Ok(())
    }
}
