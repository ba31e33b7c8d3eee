//! `trigpoint operator`: brings `MeasurementFleet`s about on Kubernetes.

mod gates;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use prometheus::Registry;
use tokio::net::TcpListener;
use tracing::{error, info};
use trigpoint_operator::{
    Certificates, Collector, Error, Operator, Server, Settings, StationDefaults, connect,
};
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Failure, Phase, Shutdown, duration, host};

use gates::QueryService;

/// Roll fleets of stations out on Kubernetes, node by node
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Namespace whose fleets to bring about, more than once or with commas for several; all
    /// of the cluster if not given
    #[arg(long, env = "TRIGPOINT_NAMESPACES", value_name = "NAMESPACE", value_delimiter = ',')]
    namespace: Vec<String>,
    /// Namespace of the Lease by which several operators take turns
    #[arg(
        long,
        env = "TRIGPOINT_LEASE_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "trigpoint"
    )]
    lease_namespace: String,
    /// Name of that Lease
    #[arg(
        long,
        env = "TRIGPOINT_LEASE_NAME",
        value_name = "NAME",
        default_value = "trigpoint-operator"
    )]
    lease_name: String,
    /// Who this operator is among them; the host name if not given
    #[arg(long, env = "TRIGPOINT_POD", value_name = "NAME")]
    identity: Option<String>,
    /// Where metrics and health are shown
    #[arg(
        long,
        env = "TRIGPOINT_ADMIN_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9420"
    )]
    admin_listen: SocketAddr,
    /// Writes to the API server, per second
    #[arg(long, env = "TRIGPOINT_WRITES_PER_SECOND", value_name = "NUMBER", default_value_t = 5.0)]
    writes_per_second: f64,
    /// A watch that makes no progress for this long is dead
    #[arg(
        long,
        env = "TRIGPOINT_STREAM_DEADLINE",
        value_name = "DURATION",
        default_value = "5m",
        value_parser = duration::parse
    )]
    stream_deadline: Duration,
    #[command(flatten)]
    stations: Stations,
    #[command(flatten)]
    certificates: Issuing,
    #[command(flatten)]
    gates: QueryService,
}

/// Certificates that the operator makes and renews.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Certificates")]
struct Issuing {
    /// Server that gets a certificate, by the Secret that it reads, and its names, as in
    /// collector-tls=collector.trigpoint.svc,collector; more than once for several
    #[arg(long, env = "TRIGPOINT_ISSUE", value_name = "SECRET=NAME,…", value_parser = server)]
    issue: Vec<Server>,
    /// Namespace of those Secrets, and of the one with the authority
    #[arg(
        long,
        env = "TRIGPOINT_ISSUE_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "trigpoint"
    )]
    issue_namespace: String,
    /// Secret with the authority
    #[arg(
        long,
        env = "TRIGPOINT_AUTHORITY",
        value_name = "SECRET",
        default_value = "trigpoint-authority"
    )]
    authority: String,
}

/// Name of the bundle where the operator makes it itself.
const BUNDLE: &str = "trigpoint-ca";

fn server(text: &str) -> Result<Server, &'static str> {
    let refused = "write a Secret and its names, as in collector-tls=collector.trigpoint.svc";
    let (secret, names) = text.split_once('=').ok_or(refused)?;
    let names: Vec<String> = names.split(',').map(str::to_owned).collect();
    if secret.is_empty() || names.iter().any(String::is_empty) {
        return Err(refused);
    }
    Ok(Server { secret: secret.to_owned(), names })
}

/// What new revisions of every fleet get; a change restarts no station.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stations")]
struct Stations {
    /// The collector that stations deliver to, as in https://collector.trigpoint:9400; without
    /// one, rows stay in their spools
    #[arg(long, env = "TRIGPOINT_COLLECTOR", value_name = "URI")]
    collector: Option<String>,
    /// The collector's admin endpoint; while it is not ready, no node is released
    #[arg(
        long,
        env = "TRIGPOINT_COLLECTOR_ADMIN",
        value_name = "HOST:PORT",
        requires = "collector"
    )]
    collector_admin: Option<String>,
    /// ConfigMap in each fleet's namespace whose key ca.crt holds the certificates to trust
    #[arg(long, env = "TRIGPOINT_COLLECTOR_CA", value_name = "NAME", requires = "collector")]
    collector_ca: Option<String>,
    /// Audience of the tokens that stations show to the collector
    #[arg(
        long,
        env = "TRIGPOINT_AUDIENCE",
        value_name = "NAME",
        default_value = "trigpoint-collector"
    )]
    audience: String,
    /// PriorityClass of stations
    #[arg(long, env = "TRIGPOINT_PRIORITY_CLASS", value_name = "NAME")]
    priority_class: Option<String>,
    /// ServiceAccount of stations, in each fleet's namespace; it needs no rights
    #[arg(long, env = "TRIGPOINT_SERVICE_ACCOUNT", value_name = "NAME")]
    service_account: Option<String>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let shutdown = Shutdown::install()?;
    let listener = TcpListener::bind(options.admin_listen)
        .await
        .with_context(|| format!("cannot listen on {}", options.admin_listen))?;
    announce(&listener)?;
    info!(?options, "serving");
    let registry = Registry::new();
    let gates = options.gates.clone().gates();
    let operator = Operator::new(connect().await?, options.settings(), gates, &registry)
        .await
        .map_err(refused)?;
    let liveness = operator.liveness();
    let admin = Admin { registry, shutdown: shutdown.clone() };
    let serving = admin::serve_watched(listener, admin, liveness);
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            error!(%error, "the admin endpoint ended");
        }
    });
    let ended = Box::pin(operator.run(shutdown.clone())).await;
    shutdown.advance(Phase::Done);
    ended.map_err(Failure::from)
}

impl Options {
    fn settings(self) -> Settings {
        let Stations {
            collector,
            collector_admin,
            collector_ca,
            audience,
            priority_class,
            service_account,
        } = self.stations;
        let Issuing { issue, issue_namespace, authority } = self.certificates;
        let certificates = (!issue.is_empty()).then(|| Certificates {
            namespace: issue_namespace,
            authority,
            bundle: collector_ca.clone().unwrap_or_else(|| BUNDLE.to_owned()),
            servers: issue,
        });
        let collector_ca = collector_ca.or(certificates.as_ref().map(|own| own.bundle.clone()));
        Settings {
            namespaces: self.namespace,
            lease_namespace: self.lease_namespace,
            lease_name: self.lease_name,
            identity: self.identity.unwrap_or_else(|| host::Host::read().name),
            collector: collector.map(|uri| Collector {
                uri,
                admin: collector_admin,
                ca_config_map: collector_ca,
                audience,
            }),
            station: StationDefaults { priority_class, service_account },
            certificates,
            writes_per_second: self.writes_per_second,
            stream_deadline: self.stream_deadline,
        }
    }
}

/// What the cluster lacks is for a person to install.
fn refused(error: Error) -> Failure {
    match error {
        Error::DefinitionMissing { .. } | Error::DefinitionTooOld { .. } => Failure::usage(error),
        other => other.into(),
    }
}

/// On stdout, for whoever let the kernel choose the port.
fn announce(admin: &TcpListener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "admin   http://{}", admin.local_addr()?)?;
    stdout.flush()
}
