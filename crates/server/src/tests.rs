//! The service over real loopback sockets, with a client that is nothing but
//! bytes, so that every byte of the protocol is looked at.

mod client;
mod hostile;
mod protocol;
mod refusals;
mod rows;
mod synthetic;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use trigpoint_process::{Shutdown, tls};
use trigpoint_record::{FlowIdPrefix, Station};
use trigpoint_spool::Spool;

use crate::{LameDuck, Metrics, Recording, Server, Settings};

/// A service that runs until it is stopped.
struct Running {
    ws: SocketAddr,
    wss: SocketAddr,
    shutdown: Shutdown,
    spool: Spool,
    served: tokio::task::JoinHandle<()>,
    directory: tempfile::TempDir,
}

pub(crate) fn settings(directory: &std::path::Path) -> Settings {
    let certificate = tls::self_signed(directory).unwrap();
    Settings {
        listen: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        ws_port: 0,
        wss_port: 0,
        tls: certificate.server_config(&["http/1.1"]).unwrap(),
        test_duration: Duration::from_millis(400),
        congestion_control: None,
        max_tests: 4,
        max_connections: 1024,
        lame_duck: LameDuck::NONE,
        event_socket: None,
        server_metadata: vec![("deployment".to_owned(), "test".to_owned())],
        synthetic: None,
    }
}

impl Running {
    fn start() -> Self {
        Self::start_with(|_| ())
    }

    /// No test ends before its client has done what it does, however busy the
    /// machine is.
    fn start_patient() -> Self {
        Self::start_with(|settings| settings.test_duration = Duration::from_mins(1))
    }

    fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        tls::install_provider();
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(directory.path());
        change(&mut settings);
        let server = Server::bind(settings).unwrap();
        let (ws, wss) = (server.ws_addresses()[0], server.wss_addresses()[0]);
        let spool =
            Spool::open(directory.path().join("spool"), trigpoint_spool::Settings::default())
                .unwrap();
        let recording = Recording {
            station: Station::default(),
            prefix: FlowIdPrefix::new("host", 1_700_000_000),
            spool: spool.clone(),
        };
        let shutdown = Shutdown::new();
        let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
        let handle = shutdown.clone();
        let served = tokio::spawn(async move {
            server.run(recording, metrics, handle).await.unwrap();
        });
        Self { ws, wss, shutdown, spool, served, directory }
    }

    /// Drains, and gives the spool with everything in it.
    async fn stop(self) -> (Spool, tempfile::TempDir) {
        self.shutdown.begin();
        self.served.await.unwrap();
        (self.spool, self.directory)
    }
}
