//! Two hosts with an emulated path between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::counters::Counters;
use super::engine::Engine;
use super::path::Path;
use super::{Namespace, execute};

/// A client and a server with a path between them.
///
/// ```text
///  client ── veth ── emulator (no IP, two packet sockets) ── veth ── server
/// ```
#[derive(Debug)]
pub struct Emulated {
    client: Namespace,
    server: Namespace,
    number: u8,
    // The last field: the hosts' namespaces outlive it anyway.
    engine: Engine,
}

impl Emulated {
    /// Builds the hosts and the path.
    #[track_caller]
    pub fn new(path: &Path) -> Self {
        Self::to(&Namespace::new("server"), 0, path)
    }

    /// Builds a client and a path to a server that may have other paths too, each
    /// with its own `number` and networks.
    #[track_caller]
    pub fn to(server: &Namespace, number: u8, path: &Path) -> Self {
        let client = Namespace::new(&format!("client{number}"));
        let emulator = Namespace::new(&format!("emulator{number}"));
        let hosts = [
            Host { namespace: &client, interface: format!("c{number}"), last: 2 },
            Host { namespace: server, interface: format!("s{number}"), last: 1 },
        ];
        for host in &hosts {
            host.connect(&emulator, number);
        }
        for (host, other) in [(&hosts[0], &hosts[1]), (&hosts[1], &hosts[0])] {
            host.address(number, other);
        }
        for host in &hosts {
            host.namespace.await_link(&host.interface);
            emulator.await_link(&host.emulator_side());
        }
        let [client_side, server_side] = hosts.map(|host| host.emulator_side());
        let engine = Engine::start(&emulator, &client_side, &server_side, path);
        Self { client, server: server.clone(), number, engine }
    }

    /// The client's host.
    pub fn client(&self) -> &Namespace {
        &self.client
    }

    /// The server's host.
    pub fn server(&self) -> &Namespace {
        &self.server
    }

    /// The server's IPv4 address on this path, from the range for such labs
    /// (RFC 2544).
    pub fn server_v4(&self) -> IpAddr {
        v4(self.number, 1)
    }

    /// The server's IPv6 address on this path (RFC 3849).
    pub fn server_v6(&self) -> IpAddr {
        v6(self.number, 1)
    }

    /// Another path from now on.  What is under way keeps its time and is not
    /// overtaken; random sequences start again.
    #[track_caller]
    pub fn reconfigure(&self, path: &Path) {
        self.engine.reconfigure(path);
    }

    /// What the path has done since it was built.
    #[track_caller]
    pub fn counters(&self) -> Counters {
        self.engine.counters()
    }
}

fn v4(number: u8, last: u8) -> IpAddr {
    Ipv4Addr::new(198, 18, number, last).into()
}

fn v6(number: u8, last: u16) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, number.into(), 0, 0, 0, last).into()
}

/// One of both hosts while the path is built.
struct Host<'a> {
    namespace: &'a Namespace,
    interface: String,
    /// Last part of its addresses.
    last: u8,
}

impl Host<'_> {
    fn emulator_side(&self) -> String {
        format!("to-{}", self.interface)
    }

    /// Fixed, so that the other host can be told.
    fn hardware_address(&self, number: u8) -> String {
        format!("02:00:00:00:{number:02x}:{:02x}", self.last)
    }

    /// Lays the cable to the emulator.
    #[track_caller]
    fn connect(&self, emulator: &Namespace, number: u8) {
        let (interface, side) = (&self.interface, self.emulator_side());
        let (host, middle) = (self.namespace.name(), emulator.name());
        let hardware = self.hardware_address(number);
        execute(
            "ip",
            &format!(
                "link add {interface} address {hardware} netns {host} \
                 type veth peer name {side} netns {middle}"
            ),
        );
        // Offloads would make frames of 64 KiB, which a path counts as one, and
        // leave checksums to be filled in by nobody.
        let off = "tso off gso off gro off tx off";
        self.namespace.execute("ethtool", &format!("-K {interface} {off}"));
        emulator.execute("ethtool", &format!("-K {side} {off}"));
        // The emulator takes no part: no address of its own, so no word of its own.
        emulator.execute("ip", &format!("link set {side} addrgenmode none up"));
    }

    #[track_caller]
    fn address(&self, number: u8, other: &Self) {
        let Self { namespace, interface, last } = self;
        let ip = |arguments: String| namespace.execute("ip", &arguments);
        ip(format!("addr add {}/24 dev {interface}", v4(number, *last)));
        // Without nodad the address is unusable for a second or two.
        ip(format!("addr add {}/64 dev {interface} nodad", v6(number, (*last).into())));
        ip(format!("link set {interface} up"));
        // Nobody asks who the neighbour is: a lost question would cost a second,
        // and an answer would take a random draw of the path's.
        let hardware = other.hardware_address(number);
        for neighbour in [v4(number, other.last), v6(number, other.last.into())] {
            ip(format!("neigh add {neighbour} lladdr {hardware} dev {interface} nud permanent"));
        }
    }
}
