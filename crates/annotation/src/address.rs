//! Which addresses no database can know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a text stands for; IPv4 where it is mapped into IPv6.
pub(crate) fn parse(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether the address is of one place on the internet: not private, shared
/// (RFC 6598), link-local, loopback, multicast, for documentation or reserved.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let is_shared = first == 100 && second & 0xc0 == 64;
    let is_benchmark = first == 198 && second & 0xfe == 18;
    !(first == 0
        || first >= 240
        || is_shared
        || is_benchmark
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// Of 2000::/3 only: nothing else is allocated (RFC 4291, IANA's registry).
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let is_documentation =
        (first == 0x2001 && second == 0xdb8) || (first == 0x3fff && second < 0x1000);
    first & 0xe000 == 0x2000 && !is_documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_no_place_is_told_from_what_is_unknown() {
        let is_public = |text: &str| is_public(parse(text).unwrap());
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "3fff:1000::1",
        ] {
            assert!(is_public(public), "{public}");
        }
        for text in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.0.1",
            "172.31.255.255",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
        ] {
            assert!(!is_public(text), "{text}");
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_that_is_mapped() {
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
        for none in ["", "localhost", "1.2.3", "1.2.3.4:80", "fe80::1%eth0", "[::1]"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
