//! `trigpoint completions`: what a shell needs to complete our commands.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;
use trigpoint_process::Failure;

use crate::command::CommandLine;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    // By way of memory: the generator panics where a pipe breaks.
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut CommandLine::command(), "trigpoint", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
