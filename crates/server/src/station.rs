//! A station as a whole: the service, its spool, and the uplink that empties
//! it. Every executable that runs a station puts it together here.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prometheus::Registry;
use tokio::net::{TcpListener, UnixStream};
use tracing::error;
use trigpoint_process::admin::{self, Admin};
use trigpoint_process::{Failure, Phase, Shutdown, VERSION, listen, termination};
use trigpoint_record::FlowIdPrefix;
use trigpoint_sockdiag::Sampler;
use trigpoint_spool::Spool;
use trigpoint_uplink::{Delivery, Endpoint, Remainder, Uplink};

use crate::service::congestion_control;
use crate::{Metrics, Recording, Server};

mod flags;

pub use flags::{Defaults, Flags};

/// What a station is made of.
#[derive(Debug)]
pub struct Settings {
    /// How it serves.
    pub server: crate::Settings,
    /// Port of the admin endpoint, on the service's addresses; 0 takes a free one.
    pub admin_port: Option<u16>,
    /// What every row says about it.
    pub identity: trigpoint_record::Station,
    /// First part of every flow's name.
    pub prefix: FlowIdPrefix,
    /// Directory of its spool.
    pub spool_directory: PathBuf,
    /// Bounds of its spool.
    pub spool: trigpoint_spool::Settings,
    /// Where its collector is; without one, everything stays in the spool.
    pub collector: Option<Endpoint>,
    /// How long it tries to deliver the rest at its end.
    pub flush_deadline: Duration,
}

/// A station with its ports taken, not serving yet.
#[derive(Debug)]
pub struct Station {
    server: Server,
    admin: Vec<TcpListener>,
    registry: Registry,
    recording: Recording,
    metrics: Metrics,
    uplink: Option<trigpoint_uplink::Settings>,
}

/// Why a station does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] trigpoint_spool::Error),
    /// The collector's address, certificates or token cannot be used.
    #[error(transparent)]
    Uplink(#[from] trigpoint_uplink::Error),
    /// The service does not start.
    #[error(transparent)]
    Server(#[from] crate::Error),
    /// The admin endpoint has no port.
    #[error(transparent)]
    Admin(#[from] listen::Error),
    /// A metric has its name twice.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

impl Station {
    /// Whether the kernel shows sockets, and whether it and the collector's endpoint
    /// would take the settings; takes no port and no spool.
    pub fn check(settings: &Settings) -> Result<(), Error> {
        congestion_control(settings.server.congestion_control.as_deref())?;
        Sampler::check().map_err(crate::Error::from)?;
        if let Some(synthetic) = &settings.server.synthetic {
            synthetic.key().map_err(crate::Error::from)?;
        }
        settings.collector.iter().try_for_each(Endpoint::check)?;
        Ok(())
    }

    /// Checks the settings, opens the spool, and takes the ports last. Nothing
    /// works before [`Station::run`]: a station that is refused says why, and its
    /// uplink has not said anything. Must be called inside a tokio runtime.
    pub fn assemble(settings: Settings) -> Result<Self, Error> {
        Self::check(&settings)?;
        let registry = Registry::new();
        let Settings { server, identity, prefix, spool_directory, spool, .. } = settings;
        let spool = Spool::open(spool_directory, spool)?;
        let uplink = settings.collector.map(|endpoint| trigpoint_uplink::Settings {
            flush_deadline: settings.flush_deadline,
            ..trigpoint_uplink::Settings::new(endpoint, identity.clone())
        });
        let metrics = Metrics::new(&registry)?;
        let listen = server.listen.clone();
        let server = Server::bind(server)?;
        let admin = settings.admin_port.map(|port| listen::bind(&listen, port)).transpose()?;
        Ok(Self {
            server,
            admin: admin.unwrap_or_default(),
            registry,
            recording: Recording { station: identity, prefix, spool },
            metrics,
            uplink,
        })
    }

    /// Addresses of ws and of the page.
    pub fn ws_addresses(&self) -> Vec<SocketAddr> {
        self.server.ws_addresses()
    }

    /// Addresses of wss and of the page over https.
    pub fn wss_addresses(&self) -> Vec<SocketAddr> {
        self.server.wss_addresses()
    }

    /// Addresses of the admin endpoint.
    pub fn admin_addresses(&self) -> Vec<SocketAddr> {
        self.admin.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The event socket for a reader in this process.
    ///
    /// Must be called inside a tokio runtime.
    pub fn event_reader(&mut self) -> std::io::Result<UnixStream> {
        self.server.event_reader()
    }

    /// Serves until `shutdown` has come to its end, and moves it there.
    pub async fn run(self, shutdown: Shutdown) -> Result<termination::Outcome, Error> {
        let spool = self.recording.spool.clone();
        let uplink =
            self.uplink.map(|settings| Uplink::spawn(spool.clone(), settings)).transpose()?;
        let status = uplink.as_ref().map(Uplink::status);
        self.registry.register(Box::new(Delivery::new(spool.clone(), status.clone())?))?;
        for listener in self.admin {
            let admin = Admin { registry: self.registry.clone(), shutdown: shutdown.clone() };
            tokio::spawn(async move {
                if let Err(error) = admin::serve(listener, admin).await {
                    error!(%error, "the admin endpoint ended");
                }
            });
        }
        let ending = async {
            shutdown.reached(Phase::LameDuck).await;
            Ok::<_, crate::Error>((Instant::now(), Remainder::new(spool.clone(), status)))
        };
        let serving = self.server.run(self.recording, self.metrics, shutdown.clone());
        let (drained, (began, remainder)) = tokio::try_join!(serving, ending)?;
        if let Some(uplink) = uplink {
            tokio::select! {
                () = uplink.finish() => {}
                () = shutdown.reached(Phase::Done) => {}
            }
        }
        shutdown.advance(Phase::Done);
        let drain_ms = drained.elapsed_us / 1000;
        Ok(termination::Outcome {
            version: VERSION,
            aborted: Some(drained.tests_cut_off),
            completed: Some(drained.tests_finished),
            flushed_rows: remainder.flushed_rows(),
            unflushed_rows: remainder.unflushed_rows(),
            drain_ms,
            flush_ms: (began.elapsed().as_millis() as u64).saturating_sub(drain_ms),
        })
    }
}

impl Error {
    /// As an exit code: what the configuration is to blame for is bad usage.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Spool(_)
            | Self::Uplink(_)
            | Self::Server(crate::Error::CongestionControl { .. } | crate::Error::Synthetic(_)) => {
                Failure::usage(self)
            }
            other => other.into(),
        }
    }
}

#[cfg(test)]
mod tests;
