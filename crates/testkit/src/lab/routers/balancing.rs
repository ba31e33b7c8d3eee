//! How a router chooses among several next hops.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::addresses::{Addresses, FURTHER_V4, FURTHER_V6};
use super::{feed, v6_way};
use crate::lab::Namespace;
use crate::lab::topology::Node;

/// By what a router chooses among several next hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancing {
    /// Addresses, protocol and ports, by the kernel's own hash.
    Ports,
    /// The same for IPv4; for IPv6 addresses, protocol and flow label.
    FlowLabel,
    /// One after the other, packet by packet.
    PerPacket,
    /// Any of them, packet by packet: of many traces that send in turns, each sees all,
    /// where one after the other would show it every so manyth.
    RandomPerPacket,
    /// The checksum of ICMP messages, which the kernel's own hash leaves out.
    IcmpChecksum,
}

impl Balancing {
    /// The rule that marks a packet with the number of its next hop, if that is not the
    /// kernel's own choice.
    fn mark(self, ways: usize, seed: usize) -> Option<String> {
        match self {
            Self::Ports | Self::FlowLabel => None,
            Self::PerPacket => Some(format!("meta mark set numgen inc mod {ways} offset 1")),
            Self::RandomPerPacket => {
                Some(format!("meta mark set numgen random mod {ways} offset 1"))
            }
            Self::IcmpChecksum => {
                // The checksum is the second half of the first four bytes.
                let hash = format!("jhash @th,16,16 mod {ways} seed 0x{:x} offset 1", seed + 1);
                Some(format!("meta l4proto {{ icmp, ipv6-icmp }} meta mark set {hash}"))
            }
        }
    }
}

/// Lines for `ip -batch`: the routes to the target.
pub(super) fn routes(
    ways: &[String],
    own_v4: Ipv4Addr,
    own_v6: Ipv6Addr,
    balancing: Balancing,
) -> String {
    let mut batch = String::new();
    for (v4, v6) in target_networks() {
        match ways {
            [] => {}
            [way] => {
                let _ = writeln!(batch, "route add {v4} {way} src {own_v4}");
                let _ = writeln!(batch, "route add {v6} {} src {own_v6}", v6_way(way));
            }
            _ => {
                let hops = format!("nexthop {}", ways.join(" nexthop "));
                let _ = writeln!(batch, "route add {v4} {hops}");
                let _ = writeln!(batch, "route add {v6} {}", v6_way(&hops));
            }
        }
        if ways.len() > 1 && balancing.mark(ways.len(), 0).is_some() {
            for (number, way) in ways.iter().enumerate() {
                let table = number + 101;
                let _ = writeln!(batch, "route add {v4} {way} table {table}");
                let _ = writeln!(batch, "route add {v6} {} table {table}", v6_way(way));
            }
        }
    }
    batch
}

/// Its own address, and the network of its further ones.
fn target_networks() -> [(String, String); 2] {
    let Addresses { v4, v6 } = Addresses::of(Node::Target);
    [(format!("{v4}/32"), format!("{v6}/128")), (FURTHER_V4.to_owned(), FURTHER_V6.to_owned())]
}

/// Marks packets and routes them by their mark, where the kernel's own choice is not
/// what is wanted.
#[track_caller]
pub(super) fn rules(router: &Namespace, ways: &[String], balancing: Balancing) {
    let seed = usize::from(router.name().bytes().fold(0_u8, u8::wrapping_add));
    let Some(mark) = balancing.mark(ways.len(), seed).filter(|_| ways.len() > 1) else { return };
    let [(v4, v6), (further_v4, further_v6)] = target_networks();
    let script = format!(
        "table inet balancing {{
            chain choice {{
                type filter hook prerouting priority mangle;
                ip daddr {{ {v4}, {further_v4} }} {mark}
                ip6 daddr {{ {v6}, {further_v6} }} {mark}
            }}
        }}
"
    );
    feed(router.command("nft").args(["-f", "-"]), &script);
    let mut rules = String::new();
    for number in 1..=ways.len() {
        let _ = writeln!(rules, "rule add fwmark {number} lookup {}", number + 100);
    }
    for family in ["-4", "-6"] {
        feed(router.command("ip").args([family, "-batch", "-"]), &rules);
    }
}
