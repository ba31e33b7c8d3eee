//! `trigpoint annotation`, and the flags of those who annotate.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use trigpoint_annotation::Databases;
use trigpoint_process::Failure;

mod build;

/// Make databases of addresses, for --network-database
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Options),
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    match &options.command {
        Command::Build(options) => build::run(options),
    }
}

/// Where a collector and a standalone find their databases.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct AnnotationFlags {
    /// Database in MaxMind's format that says where addresses are, such as
    /// GeoLite2-City or GeoLite2-Country; read again when it is replaced
    /// [default: rows say no_database]
    #[arg(long, env = "TRIGPOINT_GEOGRAPHY_DATABASE", value_name = "FILE")]
    geography_database: Option<PathBuf>,
    /// Database in MaxMind's format that says whose networks addresses are in,
    /// such as GeoLite2-ASN or one of `trigpoint annotation build`; read again
    /// when it is replaced [default: rows say no_database]
    #[arg(long, env = "TRIGPOINT_NETWORK_DATABASE", value_name = "FILE")]
    network_database: Option<PathBuf>,
}

impl AnnotationFlags {
    /// The databases, read and checked.
    pub(crate) fn databases(&self) -> Result<Arc<Databases>, Failure> {
        let (geography, network) = (&self.geography_database, &self.network_database);
        let databases = Databases::open(geography.as_deref(), network.as_deref());
        databases.map(Arc::new).map_err(Failure::usage)
    }
}
