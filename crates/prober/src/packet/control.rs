//! Control messages beside a received datagram: recvmsg(2), cmsg(3), ip(7), ipv6(7),
//! Documentation/networking/timestamping.rst.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bytes::{array, be16};

/// What the kernel says about a datagram; what it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// The entry of the error queue (`IP_RECVERR`, `IPV6_RECVERR`).
    pub error: Option<ExtendedError>,
    /// The kernel's software stamp (`SO_TIMESTAMPING`): wall clock, ns since the epoch.
    pub stamp_ns: Option<u64>,
    /// TTL or hop limit of the datagram, for an error of the ICMP message.
    pub ttl: Option<u8>,
    /// TOS or traffic class of the same.
    pub tos: Option<u8>,
}

/// `struct sock_extended_err` and the offender's address behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedError {
    /// The error as `errno`.
    pub errno: u32,
    /// Who says so.
    pub origin: Origin,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
    /// Where RFC 4884 extensions start in the quoted payload, bytes.
    pub extension_at: Option<u16>,
    /// Who sent the ICMP message.
    pub offender: Option<IpAddr>,
}

/// `ee_origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This host, for example a packet that is too large for its route.
    Local,
    /// An ICMP message.
    Icmp,
    /// An ICMPv6 message.
    Icmpv6,
    /// No error: the stamp of a datagram that was sent.
    Timestamping,
    /// Another one.
    Other(u8),
}

impl Control {
    /// Reads the control messages of one datagram, as the kernel wrote them.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut control = Self::default();
        let messages = Messages { rest: bytes };
        for message in messages {
            control.take(message);
        }
        control
    }

    fn take(&mut self, Message { level, kind, data }: Message<'_>) {
        let number = || array(data, 0).map(i32::from_ne_bytes).and_then(|n| u8::try_from(n).ok());
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                self.error = ExtendedError::parse(data);
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => self.stamp_ns = software_stamp(data),
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.ttl = number();
            }
            (libc::IPPROTO_IP, libc::IP_TOS) => self.tos = data.first().copied(),
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => self.tos = number(),
            _ => {}
        }
    }
}

struct Message<'a> {
    level: i32,
    kind: i32,
    data: &'a [u8],
}

/// The messages one after the other, each aligned like the kernel's `CMSG_ALIGN`.
struct Messages<'a> {
    rest: &'a [u8],
}

const HEADER_BYTES: usize = size_of::<libc::cmsghdr>();

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let length = usize::from_ne_bytes(array(self.rest, 0)?);
        let level = i32::from_ne_bytes(array(self.rest, size_of::<usize>())?);
        let kind = i32::from_ne_bytes(array(self.rest, size_of::<usize>() + 4)?);
        let data = self.rest.get(HEADER_BYTES..length)?;
        let aligned = length.next_multiple_of(size_of::<usize>());
        self.rest = self.rest.get(aligned..).unwrap_or_default();
        Some(Message { level, kind, data })
    }
}

impl ExtendedError {
    const BYTES: usize = 16;
    /// `SO_EE_RFC4884_FLAG_INVALID`: the kernel's own check of the extensions failed.
    const EXTENSION_INVALID: u8 = 1;

    fn parse(bytes: &[u8]) -> Option<Self> {
        let errno = u32::from_ne_bytes(array(bytes, 0)?);
        let [origin, icmp_type, icmp_code, _] = array(bytes, 4)?;
        let extension_at = u16::from_ne_bytes(array(bytes, 12)?);
        let [flags, _] = array(bytes, 14)?;
        let is_valid = extension_at > 0 && flags & Self::EXTENSION_INVALID == 0;
        Some(Self {
            errno,
            origin: Origin::from(origin),
            icmp_type,
            icmp_code,
            extension_at: is_valid.then_some(extension_at),
            offender: bytes.get(Self::BYTES..).and_then(socket_address).map(|(address, _)| address),
        })
    }
}

impl From<u8> for Origin {
    /// `SO_EE_ORIGIN_…`.
    fn from(origin: u8) -> Self {
        match origin {
            1 => Self::Local,
            2 => Self::Icmp,
            3 => Self::Icmpv6,
            4 => Self::Timestamping,
            other => Self::Other(other),
        }
    }
}

/// The first of the three `timespec`s of `struct scm_timestamping`.
fn software_stamp(data: &[u8]) -> Option<u64> {
    let seconds = u64::try_from(i64::from_ne_bytes(array(data, 0)?)).ok()?;
    let nanoseconds = u64::try_from(i64::from_ne_bytes(array(data, 8)?)).ok()?;
    let stamp = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
    // Zero is "none".
    (stamp > 0).then_some(stamp)
}

/// Address and port of a `struct sockaddr_in` or `sockaddr_in6`.
pub fn socket_address(bytes: &[u8]) -> Option<(IpAddr, u16)> {
    let family = u16::from_ne_bytes(array(bytes, 0)?);
    let port = be16(bytes, 2)?;
    let address = match i32::from(family) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from(array::<4>(bytes, 4)?)),
        libc::AF_INET6 => IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, 8)?)),
        _ => return None,
    };
    Some((address, port))
}

#[cfg(test)]
mod tests;
