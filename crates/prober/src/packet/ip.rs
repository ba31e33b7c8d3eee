//! IPv4 and IPv6 headers (RFC 791, RFC 8200), of a packet or of its quote.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{array, be16};

/// What a header says that matters to a traceroute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpHeader {
    /// Sender.
    pub source: IpAddr,
    /// Receiver.
    pub destination: IpAddr,
    /// Protocol, or the first next header.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// TOS or traffic class.
    pub tos: u8,
    /// Identification; IPv6 has none.
    pub id: Option<u16>,
    /// Its own length, bytes: the payload follows.
    pub length: usize,
}

impl IpHeader {
    /// Reads a header of either version; `None` if it is cut off or none at all.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::v4(bytes),
            6 => Self::v6(bytes),
            _ => None,
        }
    }

    fn v4(bytes: &[u8]) -> Option<Self> {
        let length = usize::from(bytes[0] & 0x0f) * 4;
        let [ttl, protocol] = array(bytes, 8)?;
        let source = Ipv4Addr::from(array::<4>(bytes, 12)?);
        let destination = Ipv4Addr::from(array::<4>(bytes, 16)?);
        if length < 20 || bytes.len() < length {
            return None;
        }
        Some(Self {
            source: source.into(),
            destination: destination.into(),
            protocol,
            ttl,
            tos: bytes[1],
            id: be16(bytes, 4),
            length,
        })
    }

    fn v6(bytes: &[u8]) -> Option<Self> {
        let [protocol, ttl] = array(bytes, 6)?;
        Some(Self {
            source: Ipv6Addr::from(array::<16>(bytes, 8)?).into(),
            destination: Ipv6Addr::from(array::<16>(bytes, 24)?).into(),
            protocol,
            ttl,
            tos: (be16(bytes, 0)? >> 4) as u8,
            id: None,
            length: 40,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_with_options() {
        let mut bytes = [0; 24];
        bytes[..10].copy_from_slice(&[0x46, 0xb8, 0, 60, 0x12, 0x34, 0x40, 0, 7, 17]);
        bytes[12..20].copy_from_slice(&[192, 0, 2, 1, 198, 51, 100, 2]);
        let header = IpHeader::parse(&bytes).unwrap();
        assert_eq!((header.ttl, header.tos, header.id), (7, 0xb8, Some(0x1234)));
        assert_eq!((header.protocol, header.length), (17, 24));
        assert_eq!(header.destination, IpAddr::from([198, 51, 100, 2]));
        assert_eq!(IpHeader::parse(&bytes[..23]), None);
    }

    #[test]
    fn ipv6() {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&[0x6b, 0x81, 0x23, 0x45, 0, 24, 17, 3]);
        bytes[39] = 1;
        let header = IpHeader::parse(&bytes).unwrap();
        assert_eq!((header.ttl, header.tos, header.id), (3, 0xb8, None));
        assert_eq!(header.destination, "::1".parse::<IpAddr>().unwrap());
        assert_eq!(IpHeader::parse(&bytes[..39]), None);
    }

    #[test]
    fn neither() {
        assert_eq!(IpHeader::parse(&[]), None);
        assert_eq!(IpHeader::parse(&[0x55; 60]), None);
        assert_eq!(IpHeader::parse(&[0x41; 60]), None);
    }
}
