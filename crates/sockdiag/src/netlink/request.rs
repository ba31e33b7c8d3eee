//! Requests: `struct inet_diag_req_v2`, and the bytecode that filters ports.

use std::net::{IpAddr, SocketAddr};

use netlink_packet_core::{Emitable, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader};
use netlink_packet_sock_diag::SOCK_DIAG_BY_FAMILY;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};

use crate::{Error, Family, SocketKey};

const HEADER_LEN: usize = 16;
/// Header and `inet_diag_req_v2`.
const REQUEST_LEN: usize = HEADER_LEN + 56;
/// `INET_DIAG_REQ_BYTECODE`, attribute of a dump request.
const REQ_BYTECODE: u16 = 1;

/// Exact get of one socket.
pub(super) fn exact(key: &SocketKey, sequence: u32) -> [u8; REQUEST_LEN] {
    let (mut low_high, family) = ([0; 8], number(key.family));
    low_high[..4].copy_from_slice(&(key.cookie as u32).to_ne_bytes());
    low_high[4..].copy_from_slice(&((key.cookie >> 32) as u32).to_ne_bytes());
    let socket_id = SocketId {
        source_port: key.local.port(),
        destination_port: key.remote.port(),
        source_address: kernel_address(key.local, key.family),
        destination_address: kernel_address(key.remote, key.family),
        interface_id: key.interface,
        cookie: low_high,
    };
    emit(family, StateFlags::all(), socket_id, NLM_F_REQUEST, sequence, 0)
}

/// Dump of every socket of a family that may carry data.
pub(super) fn dump(family: Family, filter: &PortFilter, sequence: u32) -> Vec<u8> {
    // M-Lab's states without LISTEN; of TIME_WAIT nothing could be measured.
    let states = StateFlags::all()
        - StateFlags::LISTEN
        - StateFlags::SYN_RECV
        - StateFlags::TIME_WAIT
        - StateFlags::CLOSE;
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    let attribute = filter.attribute();
    let id = match family {
        Family::V4 => SocketId::new_v4(),
        Family::V6 => SocketId::new_v6(),
    };
    let request = emit(number(family), states, id, flags, sequence, attribute.len());
    [&request, attribute.as_slice()].concat()
}

fn emit(
    family: u8,
    states: StateFlags,
    socket_id: SocketId,
    flags: u16,
    sequence: u32,
    attribute_len: usize,
) -> [u8; REQUEST_LEN] {
    let mut bytes = [0; REQUEST_LEN];
    let mut header = NetlinkHeader::default();
    header.length = (REQUEST_LEN + attribute_len) as u32;
    header.message_type = SOCK_DIAG_BY_FAMILY;
    header.flags = flags;
    header.sequence_number = sequence;
    header.emit(&mut bytes[..HEADER_LEN]);
    // All eight extension bits; protocol, cgroup, socket options and, with
    // CAP_NET_ADMIN, the mark come without being asked for.
    let extensions = ExtensionFlags::all();
    let request = InetRequest { family, protocol: IPPROTO_TCP, extensions, states, socket_id };
    request.emit(&mut bytes[HEADER_LEN..]);
    bytes
}

fn number(family: Family) -> u8 {
    match family {
        Family::V4 => AF_INET,
        Family::V6 => AF_INET6,
    }
}

/// The address as the kernel's table has it.
fn kernel_address(address: SocketAddr, family: Family) -> IpAddr {
    match (address.ip(), family) {
        (IpAddr::V4(ip), Family::V6) => ip.to_ipv6_mapped().into(),
        (ip, _) => ip,
    }
}

/// Bytecode for `inet_diag_bc_run` that accepts some local ports.
#[derive(Debug, Clone, Default)]
pub(super) struct PortFilter {
    bytecode: Vec<u8>,
}

/// `struct inet_diag_bc_op { u8 code; u8 yes; u16 no; }`: jump distances in bytes.
const OP_LEN: usize = 4;
/// A comparison and the operation behind it that holds the port in `no`.
const COMPARE_LEN: usize = 2 * OP_LEN;
const BC_JMP: u8 = 1;
const BC_S_GE: u8 = 2;
const BC_S_LE: u8 = 3;
/// At least the port, at most the port, and the jump behind the rest.
const PORT_LEN: usize = 2 * COMPARE_LEN + OP_LEN;
/// A jump's distance and the attribute's length are 16 bits.
const MAX_PORTS: usize = 3_000;

impl PortFilter {
    /// Accepts the given ports; all when there are none.
    pub(super) fn new(ports: &[u16]) -> Result<Self, Error> {
        if ports.len() > MAX_PORTS {
            return Err(Error::Setting { setting: "local ports", range: "3,000 at most" });
        }
        let mut bytecode = Vec::with_capacity(ports.len() * PORT_LEN);
        let mut op = |code: u8, yes: usize, no: usize| {
            bytecode.extend([code, yes as u8]);
            bytecode.extend((no as u16).to_ne_bytes());
        };
        for (at, port) in ports.iter().enumerate() {
            let left = (ports.len() - at) * PORT_LEN;
            let last = at + 1 == ports.len();
            // To the next port; from the last one beyond the end, which rejects.
            let next = if last { PORT_LEN + OP_LEN } else { PORT_LEN };
            op(BC_S_GE, COMPARE_LEN, next);
            op(0, 0, usize::from(*port));
            op(BC_S_LE, COMPARE_LEN, next - COMPARE_LEN);
            op(0, 0, usize::from(*port));
            // To the end exactly, which accepts.
            op(BC_JMP, OP_LEN, left - 2 * COMPARE_LEN);
        }
        Ok(Self { bytecode })
    }

    fn attribute(&self) -> Vec<u8> {
        if self.bytecode.is_empty() {
            return Vec::new();
        }
        let length = (OP_LEN + self.bytecode.len()) as u16;
        let mut attribute = length.to_ne_bytes().to_vec();
        attribute.extend(REQ_BYTECODE.to_ne_bytes());
        attribute.extend(&self.bytecode);
        attribute
    }
}
