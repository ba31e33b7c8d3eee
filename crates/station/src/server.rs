//! `trigpoint-station server`: ndt7 tests, their measurement, and the uplink.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tracing::info;
use trigpoint_process::{Failure, Shutdown, host, limits};
use trigpoint_server::station::{Defaults, Error, Flags, Settings, Station};
use trigpoint_server::{LameDuck, Synthetic};

use crate::check::{self, Checking};
use crate::delivery::Delivery;
use crate::ending::Ending;
use crate::identity::Identity;

/// Serve speed tests and deliver what they show
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Directory of the spool and of the certificate that is made there
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
        default_value_t = 1 << 30
    )]
    spool_max_bytes: u64,
    /// Only say whether it would start, and leave facts about this node in the
    /// termination log
    #[arg(long, env = "TRIGPOINT_CHECK_CONFIG")]
    check_config: bool,
    #[command(flatten)]
    checking: Checking,
    #[command(flatten)]
    serving: Flags,
    /// Port of the admin endpoint; 0 takes a free one
    #[arg(
        long,
        env = "TRIGPOINT_ADMIN_PORT",
        value_name = "PORT",
        default_value_t = 9990,
        help_heading = "Serving"
    )]
    admin_port: u16,
    /// File with the public key (Ed25519, PEM) by which the operator proves that a test is
    /// its own; such tests are marked in the tables
    #[arg(long, env = "TRIGPOINT_SYNTHETIC_KEY", value_name = "FILE", help_heading = "Serving")]
    synthetic_key: Option<PathBuf>,
    #[command(flatten)]
    delivery: Delivery,
    #[command(flatten)]
    identity: Identity,
    #[command(flatten)]
    ending: Ending,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    limits::raise_open_files();
    tokio::runtime::Runtime::new()?.block_on(serve(options))
}

async fn serve(options: &Options) -> Result<(), Failure> {
    let settings = options.settings()?;
    if options.check_config {
        check::can_write(&options.data_dir)?;
        Station::check(&settings).map_err(Error::into_failure)?;
        options.checking.tell_facts(settings.collector.as_ref(), &options.ending).await?;
        return Ok(check::say_good()?);
    }
    let shutdown = Shutdown::install()?;
    let station = Station::assemble(settings).map_err(Error::into_failure)?;
    announce(&station)?;
    info!(?options, "serving");
    let outcome = station.run(shutdown).await.map_err(Error::into_failure)?;
    options.ending.report(&outcome)
}

impl Options {
    fn settings(&self) -> Result<Settings, Failure> {
        let host = host::Host::read();
        let lame_duck = lame_duck(self.ending.lame_duck);
        let defaults = Defaults { listen: host::all_addresses(), lame_duck };
        fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make `{}`", self.data_dir.display()))
            .map_err(Failure::Usage)?;
        let spool = trigpoint_spool::Settings {
            max_bytes: self.spool_max_bytes,
            ..trigpoint_spool::Settings::default()
        };
        let synthetic = self.synthetic_key.clone().map(|key_file| {
            let audience = self.identity.name(&host).to_owned();
            Synthetic { key_file, audience }
        });
        let serving = self.serving.settings(defaults, &self.data_dir.join("tls"))?;
        Ok(Settings {
            server: trigpoint_server::Settings { synthetic, ..serving },
            admin_port: Some(self.admin_port),
            prefix: self.identity.prefix(&host),
            identity: self.identity.station(&host),
            spool_directory: self.data_dir.join("spool"),
            spool,
            collector: self.delivery.endpoint(),
            flush_deadline: self.ending.flush_deadline,
        })
    }
}

/// The usual bounds, cut to the longest that is wanted.
fn lame_duck(at_most: Duration) -> LameDuck {
    let LameDuck { at_least, quiet, .. } = LameDuck::PUBLIC;
    LameDuck { at_least: at_least.min(at_most), at_most, quiet: quiet.min(at_most) }
}

/// On stdout, for whoever let the kernel choose the ports.
fn announce(station: &Station) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    for address in station.ws_addresses() {
        writeln!(stdout, "ws     ws://{address}")?;
    }
    for address in station.wss_addresses() {
        writeln!(stdout, "wss    wss://{address}")?;
    }
    for address in station.admin_addresses() {
        writeln!(stdout, "admin  http://{address}")?;
    }
    stdout.flush()
}
