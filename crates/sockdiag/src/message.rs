//! One `struct inet_diag_msg` with its attributes, decoded without loss.
//!
//! Source: `include/uapi/linux/inet_diag.h`.  netlink-packet-sock-diag's own
//! reply type drops the timer's raw value, the expiry of unknown timers and
//! unknown attributes' meaning, so this decoder reads the bytes itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use trigpoint_tcpinfo::{Congestion, Meminfo, SkMeminfo, TcpInfo};

use crate::{Family, SocketKey};

mod attribute;

use attribute::Attributes;

/// States of a TCP socket (`include/net/tcp_states.h`).
pub mod state {
    /// Data may flow.
    pub const ESTABLISHED: u8 = 1;
    /// Closed here, FIN not acknowledged.
    pub const FIN_WAIT1: u8 = 4;
    /// Closed here, FIN acknowledged, waiting for the peer's.
    pub const FIN_WAIT2: u8 = 5;
    /// Both closed, waiting for late segments.
    pub const TIME_WAIT: u8 = 6;
}

/// Length of `struct inet_diag_msg`.
const HEADER_LEN: usize = 72;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Why bytes are not what the kernel promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Too short for `struct inet_diag_msg`.
    #[error("an inet_diag_msg has {HEADER_LEN} bytes, not {length}")]
    ShortMessage {
        /// Bytes there were.
        length: usize,
    },
    /// Neither IPv4 nor IPv6.
    #[error("address family {family} is not an internet family")]
    Family {
        /// The family's number.
        family: u8,
    },
    /// An attribute reaches beyond the message, or is shorter than its header.
    #[error("an attribute at byte {offset} claims {length} bytes of {left}")]
    Attribute {
        /// Where it starts in the message.
        offset: usize,
        /// Length it claims, bytes; 0 where not even the header fits.
        length: usize,
        /// Bytes left in the message.
        left: usize,
    },
    /// A netlink message reaches beyond the datagram, or is shorter than its header.
    #[error("a netlink message at byte {offset} claims {length} bytes of {left}")]
    Frame {
        /// Where it starts in the datagram.
        offset: usize,
        /// Length it claims, bytes; 0 where not even the header fits.
        length: usize,
        /// Bytes left in the datagram.
        left: usize,
    },
}

/// The state of one socket as the kernel reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketMessage {
    /// The socket.
    pub key: SocketKey,
    /// TCP state, see [`state`].
    pub state: u8,
    /// Which timer runs: 0 none, 1 retransmission, 2 keep-alive or other, 3 TIME_WAIT, 4 zero window probe.
    pub timer: u8,
    /// Retransmissions, keep-alive or window probes without answer, by the timer.
    pub retransmits: u8,
    /// When the timer fires, milliseconds.
    pub expires_ms: u32,
    /// Bytes received and not read.
    pub rqueue: u32,
    /// Bytes written and not acknowledged.
    pub wqueue: u32,
    /// User that owns the socket.
    pub uid: u32,
    /// Inode of the socket, 0 when no process holds it.
    pub inode: u32,
    /// Attributes present: bit (type - 1), types 1 to 64.
    pub attributes: u64,
    /// `INET_DIAG_INFO`; absent in mini-sockets.
    pub tcp_info: Option<TcpInfo>,
    /// The bytes that `tcp_info` was decoded from; empty when it is absent.
    pub tcp_info_bytes: Vec<u8>,
    /// `INET_DIAG_CONG`: name of the congestion-control algorithm.
    pub congestion_algorithm: Option<String>,
    /// `INET_DIAG_BBRINFO`, `INET_DIAG_VEGASINFO` or `INET_DIAG_DCTCPINFO`.
    pub congestion: Option<Congestion>,
    /// `INET_DIAG_MEMINFO`.
    pub meminfo: Option<Meminfo>,
    /// `INET_DIAG_SKMEMINFO`.
    pub skmeminfo: Option<SkMeminfo>,
    /// `INET_DIAG_TOS`.
    pub tos: Option<u8>,
    /// `INET_DIAG_TCLASS`.
    pub tclass: Option<u8>,
    /// `INET_DIAG_CLASS_ID`: net_cls class or socket priority.
    pub class_id: Option<u32>,
    /// `INET_DIAG_SHUTDOWN`: 1 receiving, 2 sending.
    pub shutdown: Option<u8>,
    /// `INET_DIAG_PROTOCOL`: 6 TCP.
    pub protocol: Option<u8>,
    /// `INET_DIAG_MARK` (only with CAP_NET_ADMIN).
    pub mark: Option<u32>,
    /// Every other attribute, and those of an unexpected length: type and value.
    pub undecoded: Vec<(u16, Vec<u8>)>,
}

impl SocketMessage {
    /// Decodes the payload of a `SOCK_DIAG_BY_FAMILY` message.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::ShortMessage { length: bytes.len() });
        };
        let mut message = Self {
            key: parse_key(header)?,
            state: header[1],
            timer: header[2],
            retransmits: header[3],
            expires_ms: word(header, 52),
            rqueue: word(header, 56),
            wqueue: word(header, 60),
            uid: word(header, 64),
            inode: word(header, 68),
            attributes: 0,
            tcp_info: None,
            tcp_info_bytes: Vec::new(),
            congestion_algorithm: None,
            congestion: None,
            meminfo: None,
            skmeminfo: None,
            tos: None,
            tclass: None,
            class_id: None,
            shutdown: None,
            protocol: None,
            mark: None,
            undecoded: Vec::new(),
        };
        for attribute in Attributes::new(bytes, HEADER_LEN) {
            let (kind, value) = attribute?;
            message.take(kind, value);
        }
        Ok(message)
    }

    /// Whether this is what remains of a closed socket: it has no `tcp_info`.
    pub fn is_mini_socket(&self) -> bool {
        self.tcp_info.is_none() && matches!(self.state, state::FIN_WAIT2 | state::TIME_WAIT)
    }

    /// Whether anything differs but the ages in `tcp_info` (bytes 44 to 59) and
    /// the timer's expiry: those change while nothing happens.
    pub fn changed_since(&self, previous: &Self) -> bool {
        trigpoint_tcpinfo::changed(&previous.tcp_info_bytes, &self.tcp_info_bytes)
            || !self.same_but_tcp_info(previous)
    }

    fn same_but_tcp_info(&self, other: &Self) -> bool {
        (self.key, self.state, self.timer, self.retransmits)
            == (other.key, other.state, other.timer, other.retransmits)
            && (self.rqueue, self.wqueue, self.uid, self.inode, self.attributes)
                == (other.rqueue, other.wqueue, other.uid, other.inode, other.attributes)
            && (self.tos, self.tclass, self.class_id, self.shutdown, self.protocol, self.mark)
                == (
                    other.tos,
                    other.tclass,
                    other.class_id,
                    other.shutdown,
                    other.protocol,
                    other.mark,
                )
            && self.congestion_algorithm == other.congestion_algorithm
            && self.congestion == other.congestion
            && self.meminfo == other.meminfo
            && self.skmeminfo == other.skmeminfo
            && self.undecoded == other.undecoded
    }
}

fn parse_key(header: &[u8; HEADER_LEN]) -> Result<SocketKey, ParseError> {
    let (family, local, remote) = match header[0] {
        AF_INET => (Family::V4, ipv4(header, 8), ipv4(header, 24)),
        AF_INET6 => (Family::V6, ipv6(header, 8), ipv6(header, 24)),
        family => return Err(ParseError::Family { family }),
    };
    let port = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    Ok(SocketKey {
        local: SocketAddr::new(local, port(4)),
        remote: SocketAddr::new(remote, port(6)),
        cookie: u64::from(word(header, 44)) | u64::from(word(header, 48)) << 32,
        family,
        interface: word(header, 40),
    })
}

fn word(header: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|byte| header[at + byte]))
}

fn ipv4(header: &[u8; HEADER_LEN], at: usize) -> IpAddr {
    let octets: [u8; 4] = std::array::from_fn(|byte| header[at + byte]);
    Ipv4Addr::from(octets).into()
}

fn ipv6(header: &[u8; HEADER_LEN], at: usize) -> IpAddr {
    let octets: [u8; 16] = std::array::from_fn(|byte| header[at + byte]);
    Ipv6Addr::from(octets).to_canonical()
}

#[cfg(test)]
pub(crate) mod tests;
