//! Which addresses are not traced, and why.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use trigpoint_prober::Exclude;
use trigpoint_record::tables::traces::Outcome;

/// The port of the discard service (RFC 863); any would do.
const DISCARD: u16 = 9;

/// What the operator wants to be left alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) exclude: Exclude,
    pub(crate) skip_private: bool,
}

/// Why nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) outcome: Outcome,
    pub(crate) detail: Option<String>,
}

impl Rules {
    /// The reason not to trace a client of `server`, if there is one.
    pub(crate) fn skip(&self, client: IpAddr, server: IpAddr) -> Option<Skip> {
        let outcome = if client.is_loopback() {
            Outcome::SkippedLoopback
        } else if is_reserved(client) {
            Outcome::SkippedReserved
        } else if is_link_local(client) {
            Outcome::SkippedLinkLocal
        } else if client == server || is_own(client) {
            Outcome::SkippedOwnAddress
        } else if let Some(prefix) = self.exclude.find(client) {
            let detail = Some(format!("{client} is of {prefix}, which is excluded"));
            return Some(Skip { outcome: Outcome::SkippedExcluded, detail });
        } else if self.skip_private && is_private(client) {
            Outcome::SkippedPrivate
        } else {
            return None;
        };
        Some(Skip { outcome, detail: None })
    }
}

/// What is sent to an address of this host comes from it.  Connecting a UDP
/// socket asks the routing table and sends nothing.
fn is_own(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, DISCARD))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

/// No host has it as its own (RFC 6890).
fn is_reserved(address: IpAddr) -> bool {
    let is_future = |v4: Ipv4Addr| v4.octets()[0] >= 240 || v4.octets()[0] == 0;
    address.is_unspecified()
        || address.is_multicast()
        || matches!(address, IpAddr::V4(v4) if is_future(v4))
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// RFC 1918, the shared addresses of RFC 6598, and unique local ones.
fn is_private(address: IpAddr) -> bool {
    let is_shared = |v4: Ipv4Addr| v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    match address {
        IpAddr::V4(v4) => v4.is_private() || is_shared(v4),
        IpAddr::V6(v6) => Ipv6Addr::is_unique_local(&v6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(rules: &Rules, client: &str) -> Option<Outcome> {
        let server = "192.0.2.1".parse().unwrap();
        rules.skip(client.parse().unwrap(), server).map(|skip| skip.outcome)
    }

    #[test]
    fn what_no_router_leads_to_is_not_traced() {
        let rules = Rules::default();
        for (client, expected) in [
            ("127.0.0.9", Outcome::SkippedLoopback),
            ("::1", Outcome::SkippedLoopback),
            ("169.254.3.4", Outcome::SkippedLinkLocal),
            ("fe80::7", Outcome::SkippedLinkLocal),
            ("192.0.2.1", Outcome::SkippedOwnAddress),
            ("0.0.0.0", Outcome::SkippedReserved),
            ("224.0.0.5", Outcome::SkippedReserved),
            ("255.255.255.255", Outcome::SkippedReserved),
            ("ff02::1", Outcome::SkippedReserved),
        ] {
            assert_eq!(outcome(&rules, client), Some(expected), "{client}");
        }
        for client in ["198.51.100.7", "2001:db8::7", "10.1.2.3", "fd00::1", "100.64.0.1"] {
            assert_eq!(outcome(&rules, client), None, "{client}");
        }
    }

    #[test]
    fn private_and_excluded_addresses_are_left_alone_on_request() {
        let exclude = ["198.51.100.0/24".parse().unwrap()].into_iter().collect();
        let rules = Rules { exclude, skip_private: true };
        for client in ["10.1.2.3", "172.31.0.1", "192.168.0.1", "100.127.0.1", "fd00::1"] {
            assert_eq!(outcome(&rules, client), Some(Outcome::SkippedPrivate), "{client}");
        }
        let skip = rules.skip("198.51.100.7".parse().unwrap(), "192.0.2.1".parse().unwrap());
        let skip = skip.unwrap();
        assert_eq!(skip.outcome, Outcome::SkippedExcluded);
        assert!(skip.detail.unwrap().contains("198.51.100.0/24"));
        assert_eq!(outcome(&rules, "100.128.0.1"), None);
    }
}
