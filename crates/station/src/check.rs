//! `--check-config`: whether a container of the station would start here.
//!
//! A probe pod is the station's own pod with this one flag more, so that what is
//! proven are the very image, arguments, Secrets and volumes that a node will be
//! released for. It takes no port and no spool: a station may run beside it.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use trigpoint_process::Failure;
use trigpoint_process::facts::{Facts, Outside};
use trigpoint_uplink::Endpoint;

use crate::ending::Ending;

/// What the server's check asks of the world outside, beside the collector.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Checking")]
pub(crate) struct Checking {
    /// Server that --check-config tries to reach beside the collector, over each family
    /// that it has an address of; more than once or with commas for several
    #[arg(
        long = "check-peer",
        env = "TRIGPOINT_CHECK_PEERS",
        value_name = "HOST:PORT",
        value_delimiter = ','
    )]
    peers: Vec<String>,
    /// NTP server against which --check-config holds the clock; without one, its offset
    /// is not known
    #[arg(long = "check-time-server", env = "TRIGPOINT_CHECK_TIME_SERVER", value_name = "HOST")]
    time_server: Option<String>,
}

impl Checking {
    /// Facts about the node, in some seconds. A collector that is not reached is one
    /// of them and no failure: a station measures without it.
    pub(crate) async fn tell_facts(
        &self,
        collector: Option<&Endpoint>,
        ending: &Ending,
    ) -> Result<(), Failure> {
        let mut peers = self.peers.clone();
        peers.extend(collector.and_then(Endpoint::host_and_port));
        let outside = Outside { peers, time_server: self.time_server.clone() };
        ending.tell(&Facts::gather(&outside).await)
    }
}

/// Whether files can be made where the station keeps its spool.
pub(crate) fn can_write(directory: &Path) -> Result<(), Failure> {
    let path = directory.join("check-config");
    fs::write(&path, "")
        .and_then(|()| fs::remove_file(&path))
        .with_context(|| format!("cannot write to `{}`", directory.display()))
        .map_err(Failure::Usage)
}

/// For a person.
pub(crate) fn say_good() -> io::Result<()> {
    writeln!(io::stdout(), "the configuration is good")
}
