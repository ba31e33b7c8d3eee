//! `trigpoint fleet status`.

use std::io::{self, Write as _};

use trigpoint_operator::fleet;
use trigpoint_process::Failure;

use super::Fleet;

/// Say how a fleet stands, and what it is waiting for
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    fleet: Fleet,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let text = fleet::status(&options.fleet.fetch().await?);
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
