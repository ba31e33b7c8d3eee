//! ICMP errors as a test wants them, from a router's raw socket.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};
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

    pub(crate) fn new(network: &Routers) -> Self {
        let address = (Routers::v4(Node::Target), Self::PORT);
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

/// A router's raw socket.
pub(crate) struct Forger {
    socket: Socket,
}

impl Forger {
    pub(crate) fn new(network: &Routers) -> Self {
        let open = || Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).unwrap();
        Self { socket: network.router(0).within(open) }
    }

    /// Sends the source "time exceeded" about a packet with this UDP payload.
    pub(crate) fn time_exceeded(&self, port: u16, payload: &[u8]) {
        self.send(0, &quote(port, payload), &[]);
    }

    /// The same with the quote padded, and an extension behind it (RFC 4884).
    pub(crate) fn time_exceeded_with(&self, port: u16, payload: &[u8], extension: &[u8]) {
        let mut quote = quote(port, payload);
        quote.resize(128, 0);
        self.send(128 / 4, &quote, extension);
    }

    fn send(&self, words: u8, quote: &[u8], extension: &[u8]) {
        let mut message = vec![11, 0, 0, 0, 0, words, 0, 0];
        message.extend(quote);
        message.extend(extension);
        let checksum = !ones_complement_sum(&message);
        message[2..4].copy_from_slice(&checksum.to_be_bytes());
        let source = SocketAddr::new(Routers::v4(Node::Source), 0);
        self.socket.send_to(&message, &source.into()).unwrap();
    }
}

/// IPv4 and UDP headers of a probe from the source's `port`, and its payload.
fn quote(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 1, 17, 0, 0];
    for node in [Node::Source, Node::Target] {
        let IpAddr::V4(address) = Routers::v4(node) else { unreachable!("IPv4") };
        bytes.extend(Ipv4Addr::octets(&address));
    }
    bytes.extend(port.to_be_bytes());
    bytes.extend(SilentTarget::PORT.to_be_bytes());
    bytes.extend([0, 0, 0, 0]);
    bytes.extend(payload);
    let length = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
