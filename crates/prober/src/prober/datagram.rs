//! UDP: a flow is a source port.

use std::io;
use std::net::SocketAddr;

use socket2::{Protocol, Socket, Type};

use super::flow::sum;
use super::{Outcome, options, send_at_once};
use crate::packet::{Nonce, Payload};
use crate::{Family, Probe};

#[derive(Debug)]
pub(super) struct UdpLink {
    pub(super) socket: Socket,
    pub(super) source: SocketAddr,
    family: Family,
}

impl UdpLink {
    pub(super) fn open(target: SocketAddr, raw: bool) -> io::Result<Self> {
        let family = Family::of(target.ip());
        let socket = options::socket(target.ip(), Type::DGRAM, Protocol::UDP)?;
        options::prepare(&socket, family)?;
        if !raw {
            options::queue_errors(&socket, family)?;
        }
        socket.connect(&target.into())?;
        let source = socket.local_addr()?.as_socket();
        let source = source.ok_or_else(|| io::Error::other("the socket has no address"))?;
        Ok(Self { socket, source, family })
    }

    pub(super) fn send(&mut self, payload: &Payload, probe: Probe, nonce: Nonce) -> Outcome {
        options::set_ttl(&self.socket, self.family, probe.ttl)?;
        let mut packet = Vec::with_capacity(payload.length());
        payload.write(nonce, &mut packet, 0, sum(probe.flow));
        let repeated = send_at_once(|| self.socket.send(&packet))?;
        Ok((self.source, repeated))
    }
}
