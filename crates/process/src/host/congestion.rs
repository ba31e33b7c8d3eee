//! Congestion controls that a socket can choose.

use std::fs;
use std::io;

use rustix::net::sockopt;
use socket2::{Domain, Socket, Type};

/// Of every kernel that lists none: the list can be hidden from a container.
const COMMON: &str = "bbr cubic reno";

/// Whether a socket of this process can choose `algorithm`, tried on one of its own.
pub fn try_congestion_control(algorithm: &str) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    Ok(sockopt::set_tcp_congestion(&socket, algorithm)?)
}

/// Those that a socket of this process can choose.
///
/// That is less than what the kernel lists: it lists what is loaded, and a process
/// without privilege may choose only what `net.ipv4.tcp_allowed_congestion_control`
/// of the host names (tcp(7)); of the others it is told `EPERM`.
pub fn congestion_controls() -> Vec<String> {
    let listed = fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control");
    let listed = listed.as_deref().unwrap_or(COMMON);
    listed
        .split_whitespace()
        .filter(|algorithm| try_congestion_control(algorithm).is_ok())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever runs this may choose at least what sockets have by default.
    #[test]
    fn the_default_can_be_chosen_and_a_name_of_nothing_cannot() {
        let path = "/proc/sys/net/ipv4/tcp_congestion_control";
        let default = fs::read_to_string(path).unwrap();
        let found = congestion_controls();
        assert!(found.iter().any(|name| name == default.trim()), "{found:?}, not {default}");
        assert!(try_congestion_control("nothing").is_err());
    }
}
