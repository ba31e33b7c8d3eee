//! Whole ICMP and ICMPv6 messages, as a raw socket sees them (RFC 792, 4443, 4884).

use super::bytes::{array, be16};
use super::checksum::ones_complement_sum;
use super::extension::{MplsLabel, mpls_labels};
use super::ip::IpHeader;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// Type.
    pub icmp_type: u8,
    /// Code.
    pub icmp_code: u8,
    /// What follows.
    pub body: Body<'a>,
}

/// What a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// An error: the packet that caused it.
    Error(Quote<'a>),
    /// An answer to an echo request.
    EchoReply {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// What the request carried.
        payload: &'a [u8],
    },
}

/// The packet that caused an error, or its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote<'a> {
    /// Its IP header, as it arrived at the router.
    pub ip: IpHeader,
    /// The first two words of its transport header: UDP and TCP ports, or an echo
    /// request's type, code and checksum.
    pub ports: [u16; 2],
    /// An echo request's identifier and sequence number; other things elsewhere.
    pub echo: [u16; 2],
    /// The transport header and what was quoted behind it.
    pub transport: &'a [u8],
    /// Labels of the message's extension.
    pub mpls: Vec<MplsLabel>,
}

/// Where the original datagram starts.
const HEADER_BYTES: usize = 8;
/// The least length of a quote in front of extensions, bytes (RFC 4884, 4.6).
const LEAST_QUOTE_BYTES: usize = 128;

impl<'a> Icmp<'a> {
    /// Reads an ICMP message behind its IP header: `None` if its checksum is wrong, it
    /// is cut off, or it is neither an error about a packet nor an echo reply.
    pub fn parse_v4(bytes: &'a [u8]) -> Option<Self> {
        if ones_complement_sum(bytes) != 0xffff {
            return None;
        }
        let words = array::<8>(bytes, 0)?[5];
        match bytes[0] {
            0 => Self::echo_reply(bytes),
            3 | 11 | 12 => Self::error(bytes, usize::from(words) * 4),
            _ => None,
        }
    }

    /// The same for ICMPv6, whose checksum the kernel has verified.
    pub fn parse_v6(bytes: &'a [u8]) -> Option<Self> {
        let words = array::<8>(bytes, 0)?[4];
        match bytes[0] {
            129 => Self::echo_reply(bytes),
            1 | 3 => Self::error(bytes, usize::from(words) * 8),
            // A packet that is too big and a bad parameter have another number there.
            2 | 4 => Self::error(bytes, 0),
            _ => None,
        }
    }

    fn echo_reply(bytes: &'a [u8]) -> Option<Self> {
        let body = Body::EchoReply {
            identifier: be16(bytes, 4)?,
            sequence: be16(bytes, 6)?,
            payload: bytes.get(HEADER_BYTES..)?,
        };
        Some(Self { icmp_type: bytes[0], icmp_code: bytes[1], body })
    }

    /// `length` is that of the quote, if extensions follow it; 0 otherwise.
    fn error(bytes: &'a [u8], length: usize) -> Option<Self> {
        let rest = bytes.get(HEADER_BYTES..)?;
        // Routers older than RFC 4884 write extensions behind 128 bytes and no length;
        // the extensions' version and checksum tell them from a longer quote.
        let at = if length == 0 { LEAST_QUOTE_BYTES } else { length };
        let mpls = match rest.get(at..) {
            Some(extension) if at >= LEAST_QUOTE_BYTES => mpls_labels(extension),
            _ => Vec::new(),
        };
        let end = if length == 0 && mpls.is_empty() { rest.len() } else { at.min(rest.len()) };
        let quoted = &rest[..end];
        let ip = IpHeader::parse(quoted)?;
        let transport = quoted.get(ip.length..)?;
        let quote = Quote {
            ip,
            ports: [be16(transport, 0)?, be16(transport, 2)?],
            echo: [be16(transport, 4)?, be16(transport, 6)?],
            transport,
            mpls,
        };
        Some(Self { icmp_type: bytes[0], icmp_code: bytes[1], body: Body::Error(quote) })
    }
}

#[cfg(test)]
mod tests;
