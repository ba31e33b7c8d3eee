//! Raw ICMP sockets: one for each family receives for all flows.
//!
//! They see whole ICMP messages, so that the fields of the quoted IP header are known,
//! and everybody's, so that each must be matched to a flow.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::epoll;
use socket2::{Protocol, Socket, Type};

use super::answer::{self, Answer, ECHO_HEADER_BYTES, PROTOCOL_TCP, PROTOCOL_UDP};
use super::flow::{Flow, FlowKey, Link};
use super::receive::read;
use super::{MESSAGES, Outcome, Prober, echo, options, send_at_once};
use crate::packet::{
    Body, Control, Icmp, IpHeader, Nonce, Payload, ones_complement_sum, socket_address,
};
use crate::sys::{Received, memory, set_option};
use crate::{Event, Family, Outer, Probe, SetupError};

#[derive(Debug)]
pub(super) struct RawSockets {
    v4: RawSocket,
    /// None on a host without IPv6.
    v6: Option<RawSocket>,
    flows: HashMap<Wanted, FlowKey>,
}

#[derive(Debug)]
struct RawSocket {
    socket: Socket,
    /// What the kernel had dropped when it was last asked.
    dropped: u32,
}

/// What a message must be about to be for a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Wanted {
    /// Source port.
    Udp(IpAddr, u16),
    /// Source port.
    Tcp(IpAddr, u16),
    /// Identifier: different for all flows, since the kernel's copy of an echo request
    /// has a header in front of it whose length is not known.
    Echo(u16),
}

/// An echo flow whose requests leave by the common socket.
#[derive(Debug)]
pub(super) struct RawEcho {
    target: IpAddr,
    identifier: u16,
}

/// Room for a burst while this thread is not scheduled; `net.core.rmem_max` may cut it.
const RECEIVE_BYTES: usize = 1 << 20;
/// More than fit into that: the kernel accounts at least 768 bytes for each.
const STAMPS: usize = 4096;
/// `SOL_RAW` of `linux/socket.h`, `ICMP_FILTER` of `linux/icmp.h`: types that are not wanted.
const ICMP_FILTER: (libc::c_int, libc::c_int) = (255, 1);
/// `ICMPV6_FILTER` of `linux/icmpv6.h`.
const ICMPV6_FILTER: (libc::c_int, libc::c_int) = (libc::IPPROTO_ICMPV6, 1);

impl RawSockets {
    pub(super) fn open(poll: &OwnedFd) -> Result<Self, SetupError> {
        let open = |family, key| {
            RawSocket::open(poll, family, key).map_err(|source| SetupError::Raw { family, source })
        };
        let v4 = open(Family::V4, FlowKey::RAW_V4)?;
        Ok(Self { v4, v6: open(Family::V6, FlowKey::RAW_V6).ok(), flows: HashMap::new() })
    }

    fn of(&self, family: Family) -> io::Result<&RawSocket> {
        match family {
            Family::V4 => Ok(&self.v4),
            Family::V6 => {
                self.v6.as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
            }
        }
    }

    /// A new echo flow.
    pub(super) fn echo(&mut self, target: IpAddr, key: FlowKey) -> io::Result<Link> {
        if self.flows.len() > usize::from(u16::MAX) / 2 {
            return Err(io::Error::other("too many echo flows for one identifier each"));
        }
        loop {
            let identifier = rand::random();
            let flow = self.flows.entry(Wanted::Echo(identifier));
            if let std::collections::hash_map::Entry::Vacant(free) = flow {
                free.insert(key);
                return Ok(Link::Raw(RawEcho { target, identifier }));
            }
        }
    }

    /// Sends an echo request.
    pub(super) fn send(
        &self,
        flow: &RawEcho,
        payload: &Payload,
        probe: Probe,
        nonce: Nonce,
    ) -> Outcome {
        let family = Family::of(flow.target);
        let socket = &self.of(family)?.socket;
        options::set_ttl(socket, family, probe.ttl)?;
        let mut packet = echo::request(family, flow.identifier, payload, probe.flow, nonce);
        if family == Family::V4 {
            // For ICMPv6 the kernel does it, with the addresses.
            let checksum = !ones_complement_sum(&packet);
            packet[2..4].copy_from_slice(&checksum.to_be_bytes());
        }
        let target = SocketAddr::new(flow.target, 0).into();
        let repeated = send_at_once(|| socket.send_to(&packet, &target))?;
        let source = match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Ok((SocketAddr::new(source, flow.identifier), repeated))
    }

    /// Takes messages about a flow from now on.
    pub(super) fn listen(&mut self, flow: &Flow, key: FlowKey) {
        if let Some(wanted) = wanted(flow) {
            self.flows.insert(wanted, key);
        }
    }

    /// Takes none any more.
    pub(super) fn forget(&mut self, flow: &Flow) {
        if let Some(wanted) = wanted(flow) {
            self.flows.remove(&wanted);
        }
    }
}

fn wanted(flow: &Flow) -> Option<Wanted> {
    let target = flow.target.address;
    Some(match &flow.link {
        Link::Udp(link) => Wanted::Udp(target, link.source.port()),
        Link::Tcp(link) => Wanted::Tcp(target, link.source?.port()),
        Link::Raw(echo) => Wanted::Echo(echo.identifier),
        Link::Ping(_) => return None,
    })
}

impl RawSocket {
    fn open(poll: &OwnedFd, family: Family, key: FlowKey) -> io::Result<Self> {
        let (address, protocol) = match family {
            Family::V4 => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Protocol::ICMPV4),
            Family::V6 => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), Protocol::ICMPV6),
        };
        let socket = options::socket(address, Type::RAW, protocol)?;
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        options::stamp(&socket)?;
        options::show_header(&socket, family)?;
        match family {
            Family::V4 => {
                let wanted = 1 << 0 | 1 << 3 | 1 << 11 | 1 << 12;
                set_option(&socket, ICMP_FILTER.0, ICMP_FILTER.1, [!wanted])?;
            }
            Family::V6 => {
                let mut unwanted = [u32::MAX; 8];
                unwanted[0] = !(1 << 1 | 1 << 2 | 1 << 3 | 1 << 4);
                unwanted[129 / 32] = !(1 << (129 % 32));
                set_option(&socket, ICMPV6_FILTER.0, ICMPV6_FILTER.1, unwanted)?;
            }
        }
        epoll::add(poll, &socket, key.data(), epoll::EventFlags::IN)?;
        Ok(Self { socket, dropped: 0 })
    }

    /// How many messages found no room since the last time that this was asked.
    fn newly_dropped(&mut self) -> u64 {
        let dropped = memory(&self.socket).map_or(self.dropped, |memory| memory.dropped);
        let new = dropped.wrapping_sub(self.dropped);
        self.dropped = dropped;
        u64::from(new)
    }
}

impl Prober {
    pub(super) fn receive_raw(&mut self, key: FlowKey, events: &mut Vec<Event>) {
        let Some(raw) = &mut self.raw else { return };
        let family = if key == FlowKey::RAW_V4 { Family::V4 } else { Family::V6 };
        let socket = match family {
            Family::V4 => &mut raw.v4,
            Family::V6 => match &mut raw.v6 {
                Some(socket) => socket,
                None => return,
            },
        };
        self.counters.dropped += socket.newly_dropped();
        let (payload, flows) = (&self.payload, &mut self.flows);
        // Only stamps of what this prober sent are there, and all of them before the answers.
        read(
            &socket.socket,
            true,
            STAMPS,
            &mut self.buffers,
            |Received { data, control, .. }| {
                let Some((identifier, nonce)) = echo_request_at_end(data, payload) else { return };
                let key = raw.flows.get(&Wanted::Echo(identifier));
                if let Some(flow) = key.and_then(|key| flows.get_mut(key)) {
                    flow.ledger.transmitted(nonce, Control::parse(control).stamp_ns);
                }
            },
        );
        let mut answers = Vec::new();
        let ignored = &mut self.counters.ignored;
        read(&socket.socket, false, MESSAGES, &mut self.buffers, |received| {
            match message(family, &received) {
                Some((wanted, answer)) => match raw.flows.get(&wanted) {
                    Some(key) => answers.push((*key, answer)),
                    None => ignored.foreign += 1,
                },
                None => ignored.unusable += 1,
            }
        });
        for (key, answer) in answers {
            // Its own socket has the stamp of the probe.
            self.receive(key, events);
            self.deliver(key, answer, events);
        }
    }
}

/// Identifier and nonce of an echo request behind unknown headers.
fn echo_request_at_end(packet: &[u8], payload: &Payload) -> Option<(u16, Nonce)> {
    let at = packet.len().checked_sub(payload.length() + ECHO_HEADER_BYTES)?;
    let identifier = packet.get(at + 4..)?.first_chunk().copied().map(u16::from_be_bytes)?;
    Some((identifier, payload.nonce_at_end(packet)?))
}

/// What a raw message says, and about which flow.
fn message(family: Family, received: &Received<'_>) -> Option<(Wanted, Answer)> {
    let control = Control::parse(received.control);
    let (responder, outer, icmp) = match family {
        Family::V4 => {
            let ip = IpHeader::parse(received.data)?;
            let outer = Outer { ttl: Some(ip.ttl), tos: Some(ip.tos), ip_id: ip.id };
            (ip.source, outer, Icmp::parse_v4(received.data.get(ip.length..)?)?)
        }
        Family::V6 => {
            let (responder, _) = socket_address(received.name)?;
            let outer = Outer { ttl: control.ttl, tos: control.tos, ip_id: None };
            (responder, outer, Icmp::parse_v6(received.data)?)
        }
    };
    match icmp.body {
        Body::Error(quote) => {
            let target = quote.ip.destination;
            let wanted = match quote.ip.protocol {
                PROTOCOL_UDP => Wanted::Udp(target, quote.ports[0]),
                PROTOCOL_TCP => Wanted::Tcp(target, quote.ports[0]),
                _ => Wanted::Echo(quote.echo[0]),
            };
            let kind = (icmp.icmp_type, icmp.icmp_code);
            Some((wanted, answer::from_raw(kind, quote, responder, outer, control.stamp_ns)))
        }
        Body::EchoReply { identifier, sequence, payload } => {
            let answer = Answer {
                received_ns: control.stamp_ns,
                outer,
                ..Answer::of_echo(responder, sequence, payload)
            };
            Some((Wanted::Echo(identifier), answer))
        }
    }
}
