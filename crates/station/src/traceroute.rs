//! `trigpoint-station traceroute`: all paths to each client of the server
//! beside it, and the uplink.

use std::fs;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tracing::info;
use trigpoint_process::{Failure, Shutdown, duration, host, limits};
use trigpoint_traceroute::{Error, Service, Settings, Source, TracingFlags};

use crate::check;
use crate::delivery::Delivery;
use crate::ending::Ending;
use crate::identity::Identity;

/// Trace the paths to each client of a station's server
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Directory of the spool
    #[arg(
        long,
        env = "TRIGPOINT_DATA_DIR",
        value_name = "DIR",
        default_value = "trigpoint-station-data"
    )]
    data_dir: PathBuf,
    /// Size cap of the spool in bytes; beyond it the oldest rows are lost
    #[arg(
        long,
        env = "TRIGPOINT_SPOOL_MAX_BYTES",
        value_name = "BYTES",
        default_value_t = 256 << 20
    )]
    spool_max_bytes: u64,
    /// Only say whether it would start
    #[arg(long, env = "TRIGPOINT_CHECK_CONFIG")]
    check_config: bool,
    /// Unix socket at which the server tells of its connections: its own --event-socket
    #[arg(long, env = "TRIGPOINT_EVENT_SOCKET", value_name = "PATH")]
    event_socket: PathBuf,
    /// Address of the admin endpoint, more than once or with commas for several
    #[arg(long, env = "TRIGPOINT_LISTEN", value_name = "ADDRESS", value_delimiter = ',')]
    listen: Vec<IpAddr>,
    /// Port of the admin endpoint; 0 takes a free one
    #[arg(
        long,
        env = "TRIGPOINT_TRACEROUTE_ADMIN_PORT",
        value_name = "PORT",
        default_value_t = 9992
    )]
    admin_port: u16,
    #[command(flatten)]
    tracing: TracingFlags,
    #[command(flatten)]
    delivery: Delivery,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    ending: Ending,
    /// How long traces that run may go on when nobody is taken on any more, at most
    #[arg(
        long,
        env = "TRIGPOINT_TRACE_GRACE",
        value_name = "DURATION",
        default_value = "20s",
        value_parser = duration::parse,
        help_heading = "Ending"
    )]
    grace: Duration,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    limits::raise_open_files();
    tokio::runtime::Runtime::new()?.block_on(trace(options))
}

async fn trace(options: &Options) -> Result<(), Failure> {
    let settings = options.settings()?;
    if options.check_config {
        check::can_write(&options.data_dir)?;
        Service::check(&settings).map_err(Error::into_failure)?;
        return Ok(check::say_good()?);
    }
    let shutdown = Shutdown::install()?;
    let service = Service::assemble(settings).map_err(Error::into_failure)?;
    let mut stdout = io::stdout().lock();
    for address in service.admin_addresses() {
        writeln!(stdout, "admin  http://{address}")?;
    }
    stdout.flush()?;
    drop(stdout);
    info!(?options, "tracing");
    let outcome = service.run(shutdown).await.map_err(Error::into_failure)?;
    options.ending.report(&outcome)
}

impl Options {
    fn settings(&self) -> Result<Settings, Failure> {
        let host = host::Host::read();
        fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make `{}`", self.data_dir.display()))
            .map_err(Failure::Usage)?;
        let spool = trigpoint_spool::Settings {
            max_bytes: self.spool_max_bytes,
            ..trigpoint_spool::Settings::default()
        };
        let listen =
            if self.listen.is_empty() { host::all_addresses() } else { self.listen.clone() };
        Ok(Settings {
            events: Source::Path(self.event_socket.clone()),
            tracing: self.tracing.tracing(),
            admin: Some((listen, self.admin_port)),
            identity: self.identity.station(&host),
            // Beside the server's, where both have one directory.
            spool_directory: self.data_dir.join("traces"),
            spool,
            collector: self.delivery.endpoint(),
            ending: trigpoint_traceroute::Ending {
                lame_duck: self.ending.lame_duck,
                grace: self.grace,
                flush_deadline: self.ending.flush_deadline,
            },
        })
    }
}
