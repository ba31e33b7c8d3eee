//! What a person can do next, ready to be copied.

use std::env;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use trigpoint_process::VERSION;
use trigpoint_server::station::Station;

use crate::data_directory::DataDirectory;

/// The newest tests first.
const QUERY: &str = "SELECT direction, throughput_bits_per_s / 1e6 AS mbit_per_s, min_rtt_us, \
                     flow_id FROM speed_tests ORDER BY start_time DESC LIMIT 10";

/// Prints where the station is and how to use it.
pub(super) fn print(station: &Station, data: &DataDirectory) -> io::Result<()> {
    // As it was called, so that the lines work where it was called.
    let program = env::args().next().unwrap_or_else(|| "trigpoint".to_owned());
    let ws = station.ws_addresses().first().map(reachable);
    let wss = station.wss_addresses().first().map(reachable);
    let directory = data.path().display();
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Trigpoint {VERSION} measures on this machine, data in `{directory}`\n")?;
    let mut offer = |what: &str, how: String| writeln!(stdout, "  {what:<15}{how}");
    if let Some(address) = ws {
        offer("in a browser", format!("http://{address}/"))?;
        offer("in a terminal", format!("{program} speedtest ws://{address}"))?;
    }
    if let Some(address) = wss {
        offer("over TLS", format!("{program} speedtest --insecure wss://{address}"))?;
    }
    offer("in SQL", format!("{program} query{} \"{QUERY}\"", data.flag()))?;
    offer("what there is", format!("{program} tables"))?;
    writeln!(stdout, "\nCtrl-C ends it when the running tests are done")?;
    stdout.flush()
}

/// An address that a client on this machine can connect to.
pub(super) fn reachable(address: &SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
