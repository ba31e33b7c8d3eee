//! The query service of a standalone station: on this machine only, for everybody
//! on it.

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::anyhow;
use prometheus::Registry;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use trigpoint_lake::Lake;
use trigpoint_process::{Failure, Phase, Shutdown, listen};
use trigpoint_query::{Authenticator, QueryService, Settings};

use crate::data_directory::DataDirectory;
use crate::query_service::QueryFlags;

const DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9410);

/// Bytes that serving, commits and compaction take at most, of the same process.
const STATION: usize = 1 << 30;

/// Where questions are taken.
#[derive(Debug, clap::Args)]
pub(super) struct QuestionFlags {
    /// Where Flight SQL clients connect, or `off`
    /// [default: 127.0.0.1:9410, another port if that is taken]
    #[arg(
        long,
        env = "TRIGPOINT_QUERY_LISTEN",
        value_name = "ADDRESS:PORT",
        help_heading = "Queries"
    )]
    query_listen: Option<Place>,
    #[command(flatten)]
    queries: QueryFlags,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Off,
    At(SocketAddr),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let wrong = |_| format!("`{text}` is neither ADDRESS:PORT nor `off`");
        Ok(Self::At(text.parse().map_err(wrong)?))
    }
}

/// Flags that were found good.
pub(super) struct Questions {
    place: Option<Place>,
    settings: Settings,
}

impl QuestionFlags {
    pub(super) fn check(&self, data: &DataDirectory) -> Result<Questions, Failure> {
        if let Some(Place::At(address)) = self.query_listen
            && !address.ip().is_loopback()
        {
            return Err(Failure::Usage(anyhow!(
                "--query-listen {address} would show everything to everybody: take an address of \
                 this machine alone, or run `trigpoint query-service`, which asks for tokens"
            )));
        }
        Ok(Questions { place: self.query_listen, settings: self.queries.settings(data, STATION)? })
    }
}

impl Questions {
    /// Answers until the process is done; where, unless it is off.
    pub(super) fn serve(
        self,
        lake: &Lake,
        shutdown: &Shutdown,
    ) -> Result<Option<SocketAddr>, Failure> {
        let listener = match self.place {
            Some(Place::Off) => return Ok(None),
            Some(Place::At(address)) => bind(address)?,
            // A second station on this machine takes what is free.
            None => bind(DEFAULT).or_else(|_| bind(SocketAddr::new(DEFAULT.ip(), 0)))?,
        };
        let address = listener.local_addr()?;
        let service = QueryService::start(lake, self.settings, &Registry::new())?;
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            let serving = trigpoint_query::transport()
                .add_service(service.service(Authenticator::Local))
                .add_service(service.gates(Authenticator::Local))
                .serve_with_incoming(
                    service.connections(TcpIncoming::from(listener).with_nodelay(Some(true))),
                );
            // Nobody who tests must wait for somebody who asks.
            tokio::select! {
                served = serving => {
                    if let Err(error) = served {
                        tracing::error!(%error, "the query service ended");
                    }
                }
                () = shutdown.reached(Phase::Done) => {}
            }
        });
        Ok(Some(address))
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, listen::Error> {
    let mut listeners = listen::bind(&[address.ip()], address.port())?;
    listeners.pop().ok_or_else(|| listen::Error {
        address,
        source: std::io::ErrorKind::AddrNotAvailable.into(),
    })
}
