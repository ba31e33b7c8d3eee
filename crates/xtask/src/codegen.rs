//! Code made from `proto/`, committed so that a build needs no generator.

use anyhow::Result;

use crate::command::{self, cargo, program};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if the committed code differs from what the generator makes
    #[arg(long)]
    pub(crate) check: bool,
}

const GENERATED: &str = "crates/wire/src/generated";

pub(crate) fn run_check() -> Result<()> {
    run_with(true)
}

pub(crate) fn run(options: &Options) -> Result<()> {
    run_with(options.check)
}

fn run_with(check: bool) -> Result<()> {
    command::run(&mut cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--manifest-path",
        "tools/codegen/Cargo.toml",
    ]))?;
    if check {
        command::run(&mut program("git", &["diff", "--exit-code", "--stat", "--", GENERATED]))?;
    }
    Ok(())
}
