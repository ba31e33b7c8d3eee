//! ICMP echo by a ping socket: a flow is an identifier and a checksum.

use std::io;
use std::net::{IpAddr, SocketAddr};

use rustix::io::Errno;
use socket2::{Protocol, Socket, Type};

use super::answer::ECHO_HEADER_BYTES;
use super::flow::sum;
use super::{Outcome, options, send_at_once};
use crate::error::is_shortage;
use crate::packet::{Nonce, Payload};
use crate::{Family, OpenError, Probe};

#[derive(Debug)]
pub(super) struct PingLink {
    pub(super) socket: Socket,
    source: SocketAddr,
    family: Family,
}

impl PingLink {
    pub(super) fn open(target: IpAddr) -> io::Result<Self> {
        let family = Family::of(target);
        let socket = ping_socket(target)?;
        options::prepare(&socket, family)?;
        options::queue_errors(&socket, family)?;
        socket.connect(&SocketAddr::new(target, 0).into())?;
        // The kernel writes the port, which it draws now, as the identifier.
        let source = socket.local_addr()?.as_socket();
        let source = source.ok_or_else(|| io::Error::other("the socket has no address"))?;
        Ok(Self { socket, source, family })
    }

    pub(super) fn send(&mut self, payload: &Payload, probe: Probe, nonce: Nonce) -> Outcome {
        options::set_ttl(&self.socket, self.family, probe.ttl)?;
        // The identifier, which the kernel fills in, is the same for the whole flow.
        let packet = request(self.family, 0, payload, probe.flow, nonce);
        let repeated = send_at_once(|| self.socket.send(&packet))?;
        Ok((self.source, repeated))
    }
}

/// An echo request with a checksum that is still 0.
pub(super) fn request(
    family: Family,
    identifier: u16,
    payload: &Payload,
    flow: u16,
    nonce: Nonce,
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(ECHO_HEADER_BYTES + payload.length());
    let icmp_type = match family {
        Family::V4 => 8,
        Family::V6 => 128,
    };
    packet.extend([icmp_type, 0, 0, 0]);
    packet.extend(identifier.to_be_bytes());
    packet.extend(nonce.sequence().to_be_bytes());
    payload.write(nonce, &mut packet, 0, sum(flow));
    packet
}

/// Whether this process may open ping sockets.
pub(super) fn allowed(target: IpAddr) -> Result<(), OpenError> {
    match ping_socket(target) {
        Ok(_) => Ok(()),
        Err(source) => match Errno::from_io_error(&source) {
            Some(Errno::ACCESS | Errno::PERM) => Err(OpenError::PingNotAllowed),
            _ if is_shortage(&source) => Err(OpenError::NoSocket { target, source }),
            _ => Err(OpenError::Socket { target, source }),
        },
    }
}

fn ping_socket(target: IpAddr) -> io::Result<Socket> {
    let protocol = match Family::of(target) {
        Family::V4 => Protocol::ICMPV4,
        Family::V6 => Protocol::ICMPV6,
    };
    options::socket(target, Type::DGRAM, protocol)
}
