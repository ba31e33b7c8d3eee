//! Networks that are never probed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address and how many of its bits are fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    address: IpAddr,
    length: u8,
}

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no prefix: write 192.0.2.0/24 or 2001:db8::/32, with no bit set behind the length"
)]
pub struct ParsePrefixError(String);

impl Prefix {
    /// Whether an address is of this network.  An IPv4 address that is mapped into IPv6
    /// counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && network(address, self.length) == network(self.address, self.length)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    /// Without a length it is one address.
    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let refuse = || ParsePrefixError(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| refuse())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().ok().filter(|l| *l <= bits).ok_or_else(refuse)?,
            None => bits,
        };
        // A bit behind the length is a slip of the pen, and what was meant is not clear.
        if network(address, length) != network(address, bits) {
            return Err(refuse());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// An address without what stands behind `length` bits, as a number.
fn network(address: IpAddr, length: u8) -> u128 {
    let (number, bits) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (Ipv6Addr::to_bits(address), 128),
    };
    number & u128::MAX.checked_shl(bits - u32::from(length)).unwrap_or(0)
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclude {
    prefixes: Vec<Prefix>,
}

impl Exclude {
    /// The first prefix that an address is of.
    pub fn find(&self, address: IpAddr) -> Option<Prefix> {
        self.prefixes.iter().copied().find(|prefix| prefix.contains(address))
    }
}

impl FromIterator<Prefix> for Exclude {
    fn from_iter<I: IntoIterator<Item = Prefix>>(prefixes: I) -> Self {
        Self { prefixes: prefixes.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(prefix: &str, address: &str) -> bool {
        prefix.parse::<Prefix>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_of_its_networks_only() {
        assert!(contains("192.0.2.0/24", "192.0.2.255"));
        assert!(!contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
        assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.9"));
    }

    #[test]
    fn what_is_no_prefix_is_refused_with_the_text() {
        for text in ["", "192.0.2.0/33", "192.0.2.1/24", "2001:db8::/129", "host/8", "10.0.0.0/-1"]
        {
            let error = text.parse::<Prefix>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert_eq!("2001:db8::/32".parse::<Prefix>().unwrap().to_string(), "2001:db8::/32");
    }
}
