//! Addresses of a network of routers: each place has one of each family, on its
//! loopback interface, from the ranges for labs and documents (RFC 2544, RFC 3849).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::lab::topology::Node;

/// Networks of the target's further addresses, which every router has a route to.
pub(super) const FURTHER_V4: &str = "198.19.1.0/24";
pub(super) const FURTHER_V6: &str = "2001:db8:1::/48";

#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
}

impl Addresses {
    pub(super) fn of(node: Node) -> Self {
        let (network, number) = match node {
            Node::Source => (1, 1),
            Node::Router(number) => (2, number as u8 + 1),
            Node::Target => (3, 1),
        };
        Self {
            v4: Ipv4Addr::new(198, 18, network, number),
            v6: Ipv6Addr::new(0x2001, 0xdb8, 0, network.into(), 0, 0, 0, number.into()),
        }
    }

    /// One of the target's further addresses of each family: whoever keeps traces by
    /// /64 takes them for different hosts.
    pub(super) fn further(number: u8) -> Self {
        Self {
            v4: Ipv4Addr::new(198, 19, 1, number),
            v6: Ipv6Addr::new(0x2001, 0xdb8, 1, number.into(), 0, 0, 0, 1),
        }
    }
}
