//! `trigpoint query-service`: the tables for every client of Flight SQL.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tracing::{error, info};
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Failure, Phase, Shutdown, limits, listen, tls};
use trigpoint_query::{Authenticator, QueryService};
use trigpoint_token_review::Reviewer;

use crate::accounts::{AccountFlags, Accounts};
use crate::data_directory::DataDirectory;

mod flags;

pub(crate) use flags::QueryFlags;

/// How long connections may outlive the last answer.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Answer SQL over the network: Flight SQL for Python, JDBC and others
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    data: DataDirectory,
    /// Where clients connect
    #[arg(
        long,
        env = "TRIGPOINT_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9410"
    )]
    listen: SocketAddr,
    /// Where metrics and health are shown
    #[arg(
        long,
        env = "TRIGPOINT_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9411"
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
    #[command(flatten)]
    queries: QueryFlags,
    /// Only say whether the configuration is good
    #[arg(long, env = "TRIGPOINT_CHECK_CONFIG")]
    check_config: bool,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    limits::raise_open_files();
    let authenticator = authenticator(options.accounts.load()?).await?;
    options.data.make()?;
    let certificate = match (&options.tls_cert, &options.tls_key) {
        (Some(chain), Some(key)) => tls::load(chain, key),
        _ => tls::self_signed(&options.data.tls()),
    }
    .map_err(Failure::usage)?;
    let tls_config = certificate.server_config(&["h2"]).map_err(Failure::usage)?;
    let settings = options.queries.settings(&options.data, 0)?;
    let lake = options.data.lake()?;
    if options.check_config {
        writeln!(io::stdout(), "the configuration is good")?;
        return Ok(());
    }
    let shutdown = Shutdown::install()?;
    let clients = bind(options.listen)?;
    let admin = bind(options.admin_listen)?;
    let registry = Registry::new();
    let service = QueryService::start(&lake, settings, &registry)?;
    announce(&clients, &admin)?;
    info!(?options, "serving");

    let admin = admin::serve(admin, Admin { registry, shutdown: shutdown.clone() });
    tokio::spawn(async move {
        if let Err(error) = admin.await {
            error!(%error, "the admin endpoint ended");
        }
    });
    let incoming = TcpIncoming::from(clients).with_nodelay(Some(true));
    let serving = trigpoint_query::transport()
        .add_service(service.service(authenticator.clone()))
        .add_service(service.gates(authenticator))
        .serve_with_incoming_shutdown(
            tls::handshakes(service.connections(incoming), tls_config),
            shutdown.reached(Phase::Flushing),
        );
    serve(serving, &service, &shutdown).await
}

/// Until a signal has come and the queries that ran have ended.
async fn serve(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    service: &QueryService,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let stopped = async {
        shutdown.reached(Phase::LameDuck).await;
        shutdown.advance(Phase::Draining);
        tokio::select! {
            () = service.stop() => shutdown.advance(Phase::Flushing),
            () = shutdown.reached(Phase::Flushing) => {}
        }
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
            let reviewer = Reviewer::of_this_process(settings).await.map_err(Failure::usage)?;
            Authenticator::Pods { reviewer: Arc::new(reviewer), tokens }
        }
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let mut listeners = listen::bind(&[address.ip()], address.port())?;
    listeners.pop().ok_or_else(|| Failure::from(anyhow::anyhow!("there is no address")))
}

/// On stdout, for whoever let the kernel choose the ports.
fn announce(clients: &TcpListener, admin: &TcpListener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "queries  grpc+tls://{}", clients.local_addr()?)?;
    writeln!(stdout, "admin    http://{}", admin.local_addr()?)?;
    stdout.flush()
}
