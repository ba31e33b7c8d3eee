//! Addresses cut to their network, also inside of longer text.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text of an IPv6 address, with an IPv4 address at its end.
const LONGEST: usize = 45;
const IPV6_NETWORK: u128 = !(u128::MAX >> 48);

/// /24 of an IPv4 address (also a mapped one), /48 of an IPv6 address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK).into(),
    }
}

/// The text with every address in it cut, whoever's it is: a port or a bracket
/// beside it stays.  A version of four numbers looks like an address and loses
/// its last one.
pub(super) fn cut(text: &str) -> Cow<'_, str> {
    let mut result = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let Some((address, length)) = address_at(text, at) else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        result.push_str(&text[copied..at]);
        result.push_str(&network(address).to_string());
        at += length;
        copied = at;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    result.push_str(&text[copied..]);
    Cow::Owned(result)
}

/// The address that starts here, and its length.
fn address_at(text: &str, at: usize) -> Option<(IpAddr, usize)> {
    let bytes = text.as_bytes();
    let first = bytes[at];
    if !first.is_ascii_hexdigit() && first != b':' {
        return None;
    }
    ipv6_at(bytes, at).or_else(|| ipv4_at(bytes, at))
}

/// Not inside of a word, so that `std::fmt` is none.
fn ipv6_at(bytes: &[u8], at: usize) -> Option<(IpAddr, usize)> {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    if at > 0 && is_inner(bytes[at - 1]) {
        return None;
    }
    let part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let run = bytes[at..].iter().take_while(part).take(LONGEST).count();
    if !bytes[at..at + run].contains(&b':') {
        return None;
    }
    (2..=run).rev().find_map(|length| {
        let next = bytes.get(at + length).copied().unwrap_or(b' ');
        let candidate = std::str::from_utf8(&bytes[at..at + length]).ok()?;
        let address = candidate.parse::<Ipv6Addr>().ok()?;
        (!is_inner(next)).then_some((address.into(), length))
    })
}

/// Four numbers below 256, as a whole: leading zeros are read as zeros, and a
/// fifth number makes it something else.
fn ipv4_at(bytes: &[u8], at: usize) -> Option<(IpAddr, usize)> {
    if at > 0 && (bytes[at - 1].is_ascii_digit() || bytes[at - 1] == b'.') {
        return None;
    }
    let mut octets = [0_u8; 4];
    let mut end = at;
    for (index, octet) in octets.iter_mut().enumerate() {
        if index > 0 {
            if bytes.get(end) != Some(&b'.') {
                return None;
            }
            end += 1;
        }
        let digits = bytes[end..].iter().take_while(|byte| byte.is_ascii_digit()).take(4).count();
        if !(1..=3).contains(&digits) {
            return None;
        }
        *octet = std::str::from_utf8(&bytes[end..end + digits]).ok()?.parse().ok()?;
        end += digits;
    }
    let fifth = bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
    (!fifth).then_some((Ipv4Addr::from(octets).into(), end - at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_becomes_its_network() {
        for (address, network) in [
            ("192.0.2.17", "192.0.2.0"),
            ("192.0.2.0", "192.0.2.0"),
            ("255.255.255.255", "255.255.255.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("2001:DB8::17", "2001:db8::"),
            ("::ffff:192.0.2.17", "192.0.2.0"),
            ("::1", "::"),
            ("192.000.002.017", "192.0.2.0"),
        ] {
            assert_eq!(cut(address), network, "{address}");
            assert_eq!(cut(network), network, "again");
        }
    }

    #[test]
    fn addresses_are_found_in_text() {
        for (text, expected) in [
            (r#"{"Client":"192.0.2.17:49152"}"#, r#"{"Client":"192.0.2.0:49152"}"#),
            (r#"{"Client":"[2001:db8:1:2::3]:80"}"#, r#"{"Client":"[2001:db8:1::]:80"}"#),
            ("from 192.0.2.17, then 198.51.100.9.", "from 192.0.2.0, then 198.51.100.0."),
            ("ip192.0.2.17x", "ip192.0.2.0x"),
            ("fe80::1%eth0", "fe80::%eth0"),
            ("é 192.0.2.17 é", "é 192.0.2.0 é"),
            ("a=::ffff:c000:211;", "a=192.0.2.0;"),
        ] {
            assert_eq!(cut(text), expected);
            assert_eq!(cut(expected), expected, "again");
        }
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "",
            "std::fmt::Display",
            "12:34:56.789",
            "1.2.3",
            "1.2.3.4.5",
            "300.1.2.3",
            "1234.1.1.1",
            "Chrome/120.0.6099.109",
            "aa:bb:cc:dd:ee:ff",
            "{\"ElapsedTime\":1234567,\"NumBytes\":0.5}",
            "2026-11-24T00:00:00.123456Z",
            "pod-1_1700000000_0000000000000ABC",
        ] {
            assert!(matches!(cut(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
