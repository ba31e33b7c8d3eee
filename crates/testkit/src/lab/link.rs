//! A cable between two hosts of the lab, slow in one direction if asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Namespace, execute};

/// A token bucket at the server's end: what a slow access link does to a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shaper {
    /// Rate of Ethernet frames, bit/s.
    pub rate_bit_per_s: u64,
    /// Queue in front of the bottleneck, bytes.
    pub queue_bytes: u64,
}

/// A client and a server on one link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The client's host.
    pub client: Namespace,
    /// The server's host.
    pub server: Namespace,
}

impl Link {
    /// The server's IPv4 address; the client is `192.0.2.2` (RFC 5737).
    pub const SERVER_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    /// The server's IPv6 address; the client is `2001:db8::2` (RFC 3849).
    pub const SERVER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

    /// Builds the hosts `client` and `server` and the cable between them.
    #[track_caller]
    pub fn new(shaper: Option<Shaper>) -> Self {
        let link = Self { client: Namespace::new("client"), server: Namespace::new("server") };
        execute("ip", "link add c0 netns client type veth peer name s0 netns server");
        for (host, interface, number) in [(&link.client, "c0", 2), (&link.server, "s0", 1)] {
            // veth would carry 64 KiB frames, and a shaper would count those as one packet.
            host.execute("ethtool", &format!("-K {interface} tso off gso off gro off tx off"));
            host.execute("ip", &format!("addr add 192.0.2.{number}/24 dev {interface}"));
            // Without nodad the address is unusable for a second or two.
            host.execute("ip", &format!("addr add 2001:db8::{number}/64 dev {interface} nodad"));
            host.execute("ip", &format!("link set {interface} up"));
        }
        link.client.await_link("c0");
        link.server.await_link("s0");
        if let Some(shaper) = shaper {
            link.shape(shaper);
        }
        link
    }

    /// Makes the direction to the client slow, or slow in another way.
    #[track_caller]
    pub fn shape(&self, Shaper { rate_bit_per_s, queue_bytes }: Shaper) {
        // The bucket holds one full frame: the least that passes at all.
        self.server.execute(
            "tc",
            &format!(
                "qdisc replace dev s0 root tbf rate {rate_bit_per_s}bit burst 1600 limit {queue_bytes}"
            ),
        );
    }

    /// Cuts the cable: nothing arrives any more, and nobody is told.
    #[track_caller]
    pub fn cut(&self) {
        // The server's route stays, so its kernel goes on sending.
        self.client.execute("ip", "link set c0 down");
    }
}
