//! `trigpoint version`.

use std::io::Write as _;

use trigpoint_process::{Failure, VERSION};

/// Print the version
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(_: &Options) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "trigpoint {VERSION}")?;
    Ok(())
}
