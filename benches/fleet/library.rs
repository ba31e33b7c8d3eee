//! The operator's library as a program, with those flags of `trigpoint operator` that
//! are of interest here.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use prometheus::Registry;
use tokio::net::TcpListener;
use trigpoint_operator::{Operator, Settings, StationDefaults, connect};
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Phase, Shutdown, tls};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[arg(long)]
    namespace: String,
    #[arg(long)]
    lease_namespace: String,
    #[arg(long)]
    identity: String,
    #[arg(long)]
    admin_listen: SocketAddr,
    #[arg(long)]
    writes_per_second: f64,
}

pub(crate) fn run(options: Options) -> Result<()> {
    tls::install_provider();
    tokio::runtime::Runtime::new()?.block_on(serve(options))
}

async fn serve(options: Options) -> Result<()> {
    let shutdown = Shutdown::install()?;
    let listener = TcpListener::bind(options.admin_listen).await?;
    println!("admin   http://{}", listener.local_addr()?);
    let registry = Registry::new();
    let settings = Settings {
        namespaces: vec![options.namespace],
        lease_namespace: options.lease_namespace,
        lease_name: "trigpoint-operator".to_owned(),
        identity: options.identity,
        collector: None,
        station: StationDefaults::default(),
        certificates: None,
        writes_per_second: options.writes_per_second,
        stream_deadline: Duration::from_mins(5),
    };
    let operator = Operator::new(connect().await?, settings, None, &registry).await?;
    let admin = Admin { registry, shutdown: shutdown.clone() };
    tokio::spawn(admin::serve_watched(listener, admin, operator.liveness()));
    let ended = Box::pin(operator.run(shutdown.clone())).await;
    shutdown.advance(Phase::Done);
    Ok(ended?)
}
