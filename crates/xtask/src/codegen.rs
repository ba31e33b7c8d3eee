//! What is made from `proto/`, from the types of `crates/crd` and from the charts,
//! committed so that neither a build nor an installation needs a generator.

mod manifests;

use anyhow::{Result, bail};

use crate::command::{self, cargo, output, program};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Fail if the committed files differ from what the generator makes
    #[arg(long)]
    pub(crate) check: bool,
}

const GENERATED: &[&str] = &[
    "crates/wire/src/generated",
    "charts/trigpoint-crds/files",
    "manifests/2-definitions.yaml",
    "manifests/3-trigpoint.yaml",
];

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
    manifests::write()?;
    if check {
        // Not `git diff`, which does not see a file that was never added.
        let mut status = program("git", &["status", "--porcelain", "--"]);
        let differing = output(status.args(GENERATED))?;
        if !differing.is_empty() {
            bail!("run `cargo xtask codegen` and commit what it makes:\n{differing}");
        }
    }
    Ok(())
}
