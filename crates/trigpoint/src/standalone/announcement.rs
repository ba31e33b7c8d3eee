//! What a person can do next, ready to be copied.

use std::env;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use trigpoint_process::VERSION;

use crate::data_directory::DataDirectory;

/// The newest tests first.
const QUERY: &str = "SELECT direction, round(throughput_bits_per_s / 1e6) AS mbit_per_s, min_rtt_us, \
                     flow_id FROM speed_tests ORDER BY start_time DESC LIMIT 10";

/// What runs, and where it keeps its data.
pub(super) fn print_name(data: &DataDirectory) -> io::Result<()> {
    let directory = data.path().display();
    writeln!(io::stdout(), "Trigpoint {VERSION} measures on this machine, data in `{directory}`\n")
}

/// What a running station is there for.
pub(super) fn print_uses(ws: SocketAddr, wss: SocketAddr, data: &DataDirectory) -> io::Result<()> {
    let program = program();
    // Without this file, the certificate was given, and clients know its issuer.
    let certificate = data.tls().join("certificate.pem");
    let trust = if certificate.exists() {
        format!(" --cacert '{}'", certificate.display())
    } else {
        String::new()
    };
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Test it")?;
    writeln!(stdout, "  in a browser   http://{ws}/")?;
    writeln!(stdout, "  in a terminal  {program} speedtest ws://{ws}")?;
    writeln!(stdout, "  over TLS       {program} speedtest wss://{wss}{trust}")?;
    stdout.flush()
}

/// How to get at the data, now and later; `service` answers while this runs.
pub(super) fn print_questions(data: &DataDirectory, service: Option<SocketAddr>) -> io::Result<()> {
    let (program, directory) = (program(), data.flag());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Ask it")?;
    writeln!(stdout, "  for results    {program} query{directory} \"{QUERY}\"")?;
    writeln!(stdout, "  for a plot     {program} series{directory} --last=download")?;
    writeln!(stdout, "  for columns    {program} tables")?;
    if let Some(service) = service {
        writeln!(stdout, "  from elsewhere grpc://{service} (Flight SQL: Python, JDBC)")?;
    }
    stdout.flush()
}

/// How it ends.
pub(super) fn print_end() -> io::Result<()> {
    writeln!(io::stdout(), "\nCtrl-C ends it when the running tests are done")
}

/// As it was called, so that the printed lines work where it was called.
fn program() -> String {
    env::args().next().unwrap_or_else(|| "trigpoint".to_owned())
}

/// An address that a client on this machine can connect to.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
