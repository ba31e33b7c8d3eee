//! `trigpoint annotation build`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use trigpoint_annotation::{BuildError, Built, build};
use trigpoint_process::Failure;

/// Make a database of autonomous systems from CSV: first address, last address,
/// number, name, as the npm package @ip-location-db/asn has it
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the database is written; one that is there is replaced at the end
    #[arg(long, env = "TRIGPOINT_OUTPUT", value_name = "FILE")]
    output: PathBuf,
    /// Files of lines such as `1.1.1.0,1.1.1.255,13335,"Cloudflare, Inc."`
    #[arg(required = true, value_name = "CSV")]
    inputs: Vec<PathBuf>,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Built { lines, networks, left_out, bytes } = build(&options.inputs, &options.output)
        .map_err(|error| match error {
            BuildError::Encode(_) => Failure::Failed(error.into()),
            error => Failure::usage(error),
        })?;
    let (megabytes, output) = (bytes as f64 / 1e6, options.output.display());
    writeln!(io::stdout(), "{output}: {networks} networks of {lines} lines, {megabytes:.1} MB")?;
    if left_out > 0 {
        writeln!(
            io::stdout(),
            "{left_out} networks were left out: the format repeats IPv4 in them (2001::/32, \
             2002::/16, ::ffff:0:0/96)"
        )?;
    }
    Ok(())
}
