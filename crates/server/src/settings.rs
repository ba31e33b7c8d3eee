//! What the service is told.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use trigpoint_ndt7::spec;

use crate::Synthetic;

/// How the service listens and what it allows.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses to listen on; `::` takes IPv4 clients too.
    pub listen: Vec<IpAddr>,
    /// Port of ws and of the page; 0 lets the kernel choose.
    pub ws_port: u16,
    /// Port of wss; 0 lets the kernel choose.
    pub wss_port: u16,
    /// Certificate and protocols of wss.
    pub tls: Arc<rustls::ServerConfig>,
    /// How long a test is measured.
    pub test_duration: Duration,
    /// Algorithm for every test; `None` takes bbr where the kernel allows it,
    /// otherwise the kernel's default.
    pub congestion_control: Option<String>,
    /// Tests at once; more are refused with 503.
    pub max_tests: usize,
    /// Connections at once, tests included; more wait in the listen queue.
    pub max_connections: usize,
    /// How long clients may still finish their session after a first signal.
    pub lame_duck: LameDuck,
    /// Where others learn which connections open and close (M-Lab's event
    /// socket); `None` tells nobody.
    pub event_socket: Option<PathBuf>,
    /// Labels of the station, stored with every test.
    pub server_metadata: Vec<(String, String)>,
    /// Whose tests are marked as synthetic; `None` for nobody's.
    pub synthetic: Option<Synthetic>,
}

/// How long a station that is about to end lets clients start the second test
/// of their session: until `quiet` without a test, but at least `at_least` and
/// at most `at_most`.
#[derive(Debug, Clone, Copy)]
pub struct LameDuck {
    /// Never shorter.
    pub at_least: Duration,
    /// Never longer.
    pub at_most: Duration,
    /// Without a test for so long, nobody is in the middle of a session.
    pub quiet: Duration,
}

impl LameDuck {
    /// For a station that serves the public.
    pub const PUBLIC: Self = Self {
        at_least: Duration::from_secs(15),
        at_most: Duration::from_secs(35),
        quiet: Duration::from_secs(5),
    };
    /// For a station whose only user ends it.
    pub const NONE: Self =
        Self { at_least: Duration::ZERO, at_most: Duration::ZERO, quiet: Duration::ZERO };
}

impl Settings {
    /// The longest that a test may take, closing included (ndt7: 15 s for 10 s).
    pub fn max_runtime(&self) -> Duration {
        self.test_duration + spec::MAX_RUNTIME.saturating_sub(spec::DEFAULT_RUNTIME)
    }
}
