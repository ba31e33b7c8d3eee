//! `trigpoint collector`: takes what stations deliver and commits it.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tracing::{error, info};
use trigpoint_collector::{Authenticator, Collector, Settings};
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Failure, Phase, Shutdown, duration, limits, tls};
use trigpoint_token_review::Cluster;

use crate::accounts::{AccountFlags, Accounts};
use crate::annotation::AnnotationFlags;
use crate::data_directory::DataDirectory;
use crate::maintenance;

/// How long connections may outlive the last acknowledgement.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Take rows from stations over TLS and commit them to the tables
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// Where stations connect
    #[arg(
        long,
        env = "TRIGPOINT_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9400"
    )]
    listen: SocketAddr,
    /// Where metrics and health are shown
    #[arg(
        long,
        env = "TRIGPOINT_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9401"
    )]
    admin_listen: SocketAddr,
    /// Certificate chain in PEM format, instead of one made in the data directory
    #[arg(long, env = "TRIGPOINT_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM format
    #[arg(long, env = "TRIGPOINT_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    #[command(flatten)]
    accounts: AccountFlags,
    /// A finished test is in the tables after this time [default: 2s, in a bucket 5s]
    #[arg(
        long,
        env = "TRIGPOINT_COMMIT_AFTER",
        value_name = "DURATION",
        value_parser = duration::parse
    )]
    commit_after: Option<Duration>,
    /// Any other row is in the tables after this time
    #[arg(
        long,
        env = "TRIGPOINT_COMMIT_AT_LATEST",
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration::parse
    )]
    commit_at_latest: Duration,
    #[command(flatten)]
    maintenance: maintenance::MaintenanceFlags,
    #[command(flatten)]
    annotation: AnnotationFlags,
    /// Only say whether the configuration is good
    #[arg(long, env = "TRIGPOINT_CHECK_CONFIG")]
    check_config: bool,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    limits::raise_open_files();
    let authenticator = authenticator(options.accounts.load()?).await?;
    let databases = options.annotation.databases()?;
    options.data.make()?;
    let certificate = match (&options.tls_cert, &options.tls_key) {
        (Some(chain), Some(key)) => tls::load(chain, key),
        _ => tls::self_signed(&options.data.tls()),
    }
    .map_err(Failure::usage)?;
    let tls_config = certificate.server_config(&["h2"]).map_err(Failure::usage)?;
    if options.check_config {
        options.data.lake()?;
        writeln!(io::stdout(), "the configuration is good")?;
        return Ok(());
    }
    let lake = options.data.proven_lake().await?;
    let shutdown = Shutdown::install()?;
    let ingest = bind(options.listen).await?;
    let admin = bind(options.admin_listen).await?;
    announce(&ingest, &admin)?;
    info!(?options, "serving");

    let registry = Registry::new();
    let defaults = Settings::for_lake(&lake);
    let settings = Settings {
        commit_after: options.commit_after.unwrap_or(defaults.commit_after),
        commit_at_latest: options.commit_at_latest,
        maintenance: options.maintenance.settings(),
        annotation: databases.into(),
        ..defaults
    };
    let collector = Collector::start(lake, settings, &registry)?;
    let admin = admin::serve(admin, Admin { registry, shutdown: shutdown.clone() });
    tokio::spawn(async move {
        if let Err(error) = admin.await {
            error!(%error, "the admin endpoint ended");
        }
    });
    let serving = trigpoint_collector::transport()
        .add_service(collector.service(authenticator))
        .serve_with_incoming_shutdown(
            tls::handshakes(TcpIncoming::from(ingest).with_nodelay(Some(true)), tls_config),
            shutdown.reached(Phase::Flushing),
        );
    serve(serving, &collector, &shutdown).await
}

/// Until a signal has come and everything taken is committed.
async fn serve(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    collector: &Collector,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let stopped = async {
        shutdown.reached(Phase::LameDuck).await;
        shutdown.advance(Phase::Draining);
        collector.stop().await;
        shutdown.advance(Phase::Flushing);
        tokio::time::sleep(CLOSE_WITHIN).await;
    };
    let served = tokio::select! {
        served = serving => served,
        () = stopped => Ok(()),
        () = shutdown.reached(Phase::Done) => Ok(()),
    };
    shutdown.advance(Phase::Done);
    served.map_err(Failure::from)
}

async fn authenticator(accounts: Accounts) -> Result<Authenticator, Failure> {
    Ok(match accounts {
        Accounts::File(tokens) => Authenticator::Tokens(tokens),
        Accounts::Pods(settings, tokens) => {
            let cluster = Cluster::of_this_process(settings).await.map_err(Failure::usage)?;
            Authenticator::Cluster { cluster, tokens }
        }
    })
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// On stdout, for whoever let the kernel choose the ports.
fn announce(ingest: &TcpListener, admin: &TcpListener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "ingest  https://{}", ingest.local_addr()?)?;
    writeln!(stdout, "admin   http://{}", admin.local_addr()?)?;
    stdout.flush()
}
