//! ICMP errors as a test wants them, from a router's raw socket.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
use trigpoint_prober::Family;
use trigpoint_prober::packet::ones_complement_sum;
use trigpoint_testkit::lab::{Node, Routers};

/// The target, with a program that takes probes: so its kernel answers none, and the
/// test knows what is in them.
pub(crate) struct SilentTarget {
    socket: UdpSocket,
}

/// A probe as it arrived at the target.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) source: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

impl SilentTarget {
    pub(crate) const PORT: u16 = 33435;

    pub(crate) fn new(network: &Routers, family: Family) -> Self {
        let address = (address(Node::Target, family), Self::PORT);
        let socket = network.target().within(|| UdpSocket::bind(address).unwrap());
        socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        Self { socket }
    }

    /// The next probe.
    pub(crate) fn take(&self) -> Arrived {
        let mut payload = vec![0; 2048];
        let (length, source) = self.socket.recv_from(&mut payload).unwrap();
        payload.truncate(length);
        Arrived { source, payload }
    }

    /// Answers like a service.
    pub(crate) fn answer(&self, probe: &Arrived, payload: &[u8]) {
        self.socket.send_to(payload, probe.source).unwrap();
    }
}

/// A place's address of a family.
pub(crate) fn address(node: Node, family: Family) -> IpAddr {
    match family {
        Family::V4 => Routers::v4(node),
        Family::V6 => Routers::v6(node),
    }
}

/// A router's raw socket.
pub(crate) struct Forger {
    socket: Socket,
    family: Family,
}

impl Forger {
    pub(crate) fn new(network: &Routers, family: Family) -> Self {
        let (domain, protocol) = match family {
            Family::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Family::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let open = || Socket::new(domain, Type::RAW, Some(protocol)).unwrap();
        Self { socket: network.router(0).within(open), family }
    }

    /// Sends the source "time exceeded" about a packet with this UDP payload.
    pub(crate) fn time_exceeded(&self, port: u16, payload: &[u8]) {
        self.send(0, &self.quote(port, payload), &[]);
    }

    /// The same with the quote padded, and an extension behind it (RFC 4884).
    pub(crate) fn time_exceeded_with(&self, port: u16, payload: &[u8], extension: &[u8]) {
        let mut quote = self.quote(port, payload);
        quote.resize(128, 0);
        self.send(128, &quote, extension);
    }

    /// The quote's length, in words of each family's size, stands only before an
    /// extension.
    fn send(&self, length: u8, quote: &[u8], extension: &[u8]) {
        let mut message = match self.family {
            Family::V4 => vec![11, 0, 0, 0, 0, length / 4, 0, 0],
            Family::V6 => vec![3, 0, 0, 0, length / 8, 0, 0, 0],
        };
        message.extend(quote);
        message.extend(extension);
        if self.family == Family::V4 {
            // For ICMPv6 the kernel does it, with the addresses.
            let checksum = !ones_complement_sum(&message);
            message[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        let source = SocketAddr::new(address(Node::Source, self.family), 0);
        self.socket.send_to(&message, &source.into()).unwrap();
    }

    /// IP and UDP headers of a probe from the source's `port`, and its payload.
    fn quote(&self, port: u16, payload: &[u8]) -> Vec<u8> {
        let mut udp = Vec::new();
        udp.extend(port.to_be_bytes());
        udp.extend(SilentTarget::PORT.to_be_bytes());
        udp.extend([0, 0, 0, 0]);
        udp.extend(payload);
        let mut bytes = match self.family {
            Family::V4 => vec![0x45, 0, 0, 0, 0, 0, 0, 0, 1, 17, 0, 0],
            Family::V6 => vec![0x60, 0, 0, 0, 0, 0, 17, 1],
        };
        let (length_at, length) = match self.family {
            Family::V4 => (2, 20 + udp.len()),
            Family::V6 => (4, udp.len()),
        };
        bytes[length_at..][..2].copy_from_slice(&(length as u16).to_be_bytes());
        for node in [Node::Source, Node::Target] {
            match address(node, self.family) {
                IpAddr::V4(address) => bytes.extend(address.octets()),
                IpAddr::V6(address) => bytes.extend(address.octets()),
            }
        }
        bytes.extend(udp);
        bytes
    }
}
