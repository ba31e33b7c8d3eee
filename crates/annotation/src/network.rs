//! Records of the layout that says whose network an address is in.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;
use trigpoint_record::tables::annotation::Network;

use crate::number::Integer;

/// A network that is shown is not narrower: what an address is cut to when it
/// is old (`lake`, privacy).
const NARROWEST_IPV4: u8 = 24;
const NARROWEST_IPV6: u8 = 48;

/// A record of GeoLite2-ASN.
#[derive(Debug, Deserialize)]
pub(crate) struct Record<'a> {
    autonomous_system_number: Option<Integer>,
    autonomous_system_organization: Option<&'a str>,
}

impl Record<'_> {
    pub(crate) fn has_number(&self) -> bool {
        self.autonomous_system_number.is_some()
    }

    /// What the tables hold of it; `None` where that is nothing.
    pub(crate) fn into_network(self, address: IpAddr, network: (IpAddr, u8)) -> Option<Network> {
        let Integer(asn) = self.autonomous_system_number?;
        let as_name = self.autonomous_system_organization.filter(|name| !name.is_empty());
        Some(Network { cidr: cidr(address, network), asn, as_name: as_name.map(str::to_owned) })
    }
}

/// The network, widened where it is too narrow to be shown.
fn cidr(address: IpAddr, (network, prefix): (IpAddr, u8)) -> Option<String> {
    // A database without IPv4 answers from the beginning of IPv6.
    if address.is_ipv4() != network.is_ipv4() {
        return None;
    }
    let narrowest = if address.is_ipv4() { NARROWEST_IPV4 } else { NARROWEST_IPV6 };
    let network = IpNet::new(network, prefix.min(narrowest)).ok()?;
    Some(network.trunc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_shown_is_not_narrower_than_an_old_address() {
        let cidr = |address: &str, network: &str, prefix| {
            cidr(address.parse().unwrap(), (network.parse().unwrap(), prefix))
        };
        for (address, network, prefix, shown) in [
            ("198.51.100.7", "198.51.96.0", 20, "198.51.96.0/20"),
            ("198.51.100.7", "198.51.100.0", 24, "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.6", 31, "198.51.100.0/24"),
            ("198.51.100.7", "198.51.100.7", 32, "198.51.100.0/24"),
            ("2001:db8:1:2::3", "2001:db8::", 32, "2001:db8::/32"),
            ("2001:db8:1:2::3", "2001:db8:1:2::", 64, "2001:db8:1::/48"),
        ] {
            assert_eq!(cidr(address, network, prefix).as_deref(), Some(shown));
        }
        assert_eq!(cidr("198.51.100.7", "::", 64), None);
    }
}
