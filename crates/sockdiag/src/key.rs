//! Which socket: the 4-tuple as people read it, and what the kernel needs to find it.

use std::net::SocketAddr;

/// Address family of a socket as the kernel has it.
///
/// A dual-stack listener's IPv4 client is a [`Family::V6`] socket with mapped
/// addresses: it is in the IPv6 dump and its event in the IPv6 group only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

/// One TCP socket of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketKey {
    /// This host's address; a mapped IPv4 address is written as IPv4.
    pub local: SocketAddr,
    /// The peer's address; a mapped IPv4 address is written as IPv4.
    pub remote: SocketAddr,
    /// `SO_COOKIE`: unique for the life of the kernel.
    pub cookie: u64,
    /// The family that the socket was made with.
    pub family: Family,
    /// Index of the interface the socket is bound to (link-local addresses), 0 for none.
    pub interface: u32,
}

impl SocketKey {
    /// The key of a connected socket from what the socket says about itself:
    /// `getsockname`, `getpeername` (not normalised: a mapped address tells the
    /// family) and `SO_COOKIE`.
    pub fn new(local: SocketAddr, remote: SocketAddr, cookie: u64) -> Self {
        let family = if local.is_ipv6() || remote.is_ipv6() { Family::V6 } else { Family::V4 };
        let scope = |address: SocketAddr| match address {
            SocketAddr::V6(address) => address.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let interface = scope(remote).max(scope(local));
        Self { local: canonical(local), remote: canonical(remote), cookie, family, interface }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_read_as_ipv4_and_asked_for_as_ipv6() {
        let local = "[::ffff:192.0.2.1]:443".parse().unwrap();
        let remote = "[::ffff:198.51.100.7]:50000".parse().unwrap();
        let key = SocketKey::new(local, remote, 9);
        assert_eq!(key.local, "192.0.2.1:443".parse().unwrap());
        assert_eq!(key.remote, "198.51.100.7:50000".parse().unwrap());
        assert_eq!(key.family, Family::V6);
    }

    #[test]
    fn a_link_local_peer_names_the_interface() {
        let local = "[fe80::1%3]:443".parse().unwrap();
        let remote = "[fe80::2%3]:50000".parse().unwrap();
        assert_eq!(SocketKey::new(local, remote, 9).interface, 3);
    }
}
