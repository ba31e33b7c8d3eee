//! The flags that every executable with a station has.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use trigpoint_process::{Failure, duration, tls};

use crate::{LameDuck, Settings};

/// How a station serves.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Serving")]
pub struct Flags {
    /// Address to listen on, more than once or with commas for several; standalone takes
    /// only this machine's own clients if not told otherwise, a station everybody
    #[arg(long, env = "TRIGPOINT_LISTEN", value_name = "ADDRESS", value_delimiter = ',')]
    listen: Vec<IpAddr>,
    /// Port of ws and of the page; 0 takes a free one
    #[arg(long, env = "TRIGPOINT_WS_PORT", value_name = "PORT", default_value_t = 8080)]
    ws_port: u16,
    /// Port of wss; 0 takes a free one
    #[arg(long, env = "TRIGPOINT_WSS_PORT", value_name = "PORT", default_value_t = 8443)]
    wss_port: u16,
    /// Certificate chain in PEM format, instead of one made in the data directory
    #[arg(long, env = "TRIGPOINT_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM format
    #[arg(long, env = "TRIGPOINT_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Congestion control of every test; bbr where the kernel allows it
    #[arg(long, env = "TRIGPOINT_CONGESTION_CONTROL", value_name = "NAME")]
    congestion_control: Option<String>,
    /// Tests at the same time; more are told to come again
    #[arg(long, env = "TRIGPOINT_MAX_TESTS", value_name = "NUMBER", default_value_t = 100)]
    max_tests: usize,
    /// Connections at the same time, idle ones included; more wait
    #[arg(long, env = "TRIGPOINT_MAX_CONNECTIONS", value_name = "NUMBER", default_value_t = 8192)]
    max_connections: usize,
    /// Unix socket at which other programs learn which connections open and close,
    /// in the lines of M-Lab's event socket
    #[arg(long, env = "TRIGPOINT_EVENT_SOCKET", value_name = "PATH")]
    event_socket: Option<PathBuf>,
    /// Label to store with every test, more than once or with commas for several
    #[arg(long, env = "TRIGPOINT_LABEL", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = label)]
    label: Vec<(String, String)>,
    /// Length of a test, for those who test the station itself
    #[arg(
        long,
        env = "TRIGPOINT_TEST_DURATION",
        value_name = "DURATION",
        default_value = "10s",
        value_parser = duration::parse,
        hide = true
    )]
    test_duration: Duration,
}

/// What differs between the executables.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Where to listen when nothing is said.
    pub listen: Vec<IpAddr>,
    /// How long clients may finish their session.
    pub lame_duck: LameDuck,
}

impl Flags {
    /// The service's settings; a certificate is made in `tls_directory` if no
    /// files are named and none is there.
    pub fn settings(&self, defaults: Defaults, tls_directory: &Path) -> Result<Settings, Failure> {
        let certificate = match (&self.tls_cert, &self.tls_key) {
            (Some(chain), Some(key)) => tls::load(chain, key),
            _ => tls::self_signed(tls_directory),
        }
        .map_err(Failure::usage)?;
        Ok(Settings {
            listen: if self.listen.is_empty() { defaults.listen } else { self.listen.clone() },
            ws_port: self.ws_port,
            wss_port: self.wss_port,
            tls: certificate.server_config(&["http/1.1"]).map_err(Failure::usage)?,
            test_duration: self.test_duration,
            congestion_control: self.congestion_control.clone(),
            max_tests: self.max_tests,
            max_connections: self.max_connections,
            lame_duck: defaults.lame_duck,
            event_socket: self.event_socket.clone(),
            server_metadata: self.label.clone(),
            synthetic: None,
        })
    }
}

fn label(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a label is NAME=VALUE"),
    }
}
