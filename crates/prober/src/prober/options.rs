//! Sockets as this crate needs them.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::is_shortage;
use crate::sys::{memory, set_option};
use crate::{Family, OpenError};

/// `IP_RECVERR_RFC4884` of `linux/in.h`, Linux 5.9.
const IP_RECVERR_RFC4884: libc::c_int = 26;
/// `IPV6_RECVERR_RFC4884` of `linux/in6.h`, Linux 5.9.
const IPV6_RECVERR_RFC4884: libc::c_int = 31;

/// A flow has two messages for each probe: its stamp, and an answer.  The kernel doubles
/// this and counts 800 to 1,600 bytes for each, so that is some 100 messages, and a flood
/// that fills the queues of 10,000 flows takes 1.3 GB at most.
const RECEIVE_BYTES: usize = 64 * 1024;

/// A non-blocking socket.
pub(super) fn socket(address: IpAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let domain = if address.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Asks for stamps of what leaves and of what comes.
///
/// The kernel's copy of what leaves stands beside its stamp (no `OPT_TSONLY`): a
/// counter instead (`OPT_ID`) goes on, on kernels before 6.10, when a send fails, and
/// then names another probe.  Where `net.core.tstamp_allow_data` is 0 the kernel gives
/// no such copy without privilege, and probes have no round trip.
pub(super) fn stamp(socket: &Socket) -> io::Result<()> {
    let flags = ARRIVALS | libc::SOF_TIMESTAMPING_TX_SOFTWARE;
    set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, [flags])
}

/// Asks for stamps of what comes only.
pub(super) fn stamp_arrivals(socket: &Socket) -> io::Result<()> {
    set_option(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, [ARRIVALS])
}

const ARRIVALS: u32 = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;

/// Asks for TTL and TOS of what comes.
pub(super) fn show_header(socket: &Socket, family: Family) -> io::Result<()> {
    let (level, options) = match family {
        Family::V4 => (libc::IPPROTO_IP, [libc::IP_RECVTTL, libc::IP_RECVTOS]),
        Family::V6 => (libc::IPPROTO_IPV6, [libc::IPV6_RECVHOPLIMIT, libc::IPV6_RECVTCLASS]),
    };
    options.into_iter().try_for_each(|option| set_option(socket, level, option, [1]))
}

/// Asks for ICMP errors in the error queue.
pub(super) fn queue_errors(socket: &Socket, family: Family) -> io::Result<()> {
    let (level, option, extensions) = match family {
        Family::V4 => (libc::IPPROTO_IP, libc::IP_RECVERR, IP_RECVERR_RFC4884),
        Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR, IPV6_RECVERR_RFC4884),
    };
    set_option(socket, level, option, [1])?;
    // An older kernel does not know it, and then MPLS labels are not seen.
    let _ = set_option(socket, level, extensions, [1]);
    Ok(())
}

/// All of it, for a flow that keeps one socket.
pub(super) fn prepare(socket: &Socket, family: Family) -> io::Result<()> {
    socket.set_recv_buffer_size(RECEIVE_BYTES)?;
    stamp(socket)?;
    show_header(socket, family)
}

/// Sets the TTL or hop limit of what is sent from now on.
pub(super) fn set_ttl(socket: &Socket, family: Family, ttl: u8) -> io::Result<()> {
    match family {
        Family::V4 => socket.set_ttl_v4(ttl.into()),
        Family::V6 => socket.set_unicast_hops_v6(ttl.into()),
    }
}

/// Whether a socket's queues hold so much that a message may have been dropped.
pub(super) fn is_full(socket: &Socket) -> bool {
    // As the kernel accounts one that fits into a usual packet.
    const MESSAGE_BYTES: u32 = 2304;
    memory(socket)
        .is_ok_and(|memory| memory.received_bytes + MESSAGE_BYTES >= memory.receive_limit_bytes)
}

/// Whether a packet to a target can be sent at all.
pub(super) fn route(target: IpAddr) -> Result<(), OpenError> {
    // Connecting a datagram socket looks a route up and sends nothing.
    let connect = || {
        let socket = socket(target, Type::DGRAM, Protocol::UDP)?;
        socket.connect(&SocketAddr::new(target, 9).into())
    };
    connect().map_err(|source| match Errno::from_io_error(&source) {
        Some(Errno::AFNOSUPPORT) => OpenError::NoFamily { target },
        Some(Errno::NETUNREACH | Errno::HOSTUNREACH | Errno::ADDRNOTAVAIL) => {
            OpenError::NoRoute { target }
        }
        _ if is_shortage(&source) => OpenError::NoSocket { target, source },
        _ => OpenError::Socket { target, source },
    })
}
