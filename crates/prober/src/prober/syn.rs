//! TCP: a flow is a source port, and has one connection attempt at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::Errno;
use socket2::{Protocol, Socket, Type};

use super::flow::FlowKey;
use super::{Outcome, options};
use crate::{Family, Probe};

#[derive(Debug)]
pub(super) struct TcpLink {
    target: SocketAddr,
    family: Family,
    raw: bool,
    /// The attempt that waits; closed as soon as it is decided.
    pub(super) socket: Option<Socket>,
    /// Of the first attempt, and then of all.
    pub(super) source: Option<SocketAddr>,
}

impl TcpLink {
    /// The kernel repeats a SYN after one second, and a repeated one would count as an
    /// answer to the first.
    pub(super) const TIMEOUT: Duration = Duration::from_millis(900);

    pub(super) fn new(target: SocketAddr, raw: bool) -> Self {
        let family = Family::of(target.ip());
        Self { target, family, raw, socket: None, source: None }
    }

    /// Sends a SYN.
    pub(super) fn connect(&mut self, poll: &OwnedFd, key: FlowKey, probe: Probe) -> Outcome {
        // Two sockets cannot have the same addresses and ports.
        self.socket = None;
        let socket = options::socket(self.target.ip(), Type::STREAM, Protocol::TCP)?;
        options::stamp(&socket)?;
        options::show_header(&socket, self.family)?;
        if !self.raw {
            options::queue_errors(&socket, self.family)?;
        }
        // An established connection is reset: the target's service must not wait.
        socket.set_linger(Some(Duration::ZERO))?;
        socket.set_reuse_address(true)?;
        options::set_ttl(&socket, self.family, probe.ttl)?;
        socket.bind(&self.source.unwrap_or(self.any()).into())?;
        match socket.connect(&self.target.into()) {
            Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => {
                return Err(error);
            }
            _ => {}
        }
        let source = socket.local_addr()?.as_socket();
        let source = source.ok_or_else(|| io::Error::other("the socket has no address"))?;
        self.source = Some(source);
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT;
        epoll::add(poll, &socket, key.data(), flags)?;
        self.socket = Some(socket);
        Ok((source, 0))
    }

    fn any(&self) -> SocketAddr {
        let address: IpAddr = match self.family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(address, 0)
    }

    /// How the attempt stands.
    pub(super) fn attempt(&self) -> Attempt {
        let Some(socket) = &self.socket else { return Attempt::Ended };
        match socket.take_error() {
            Ok(None) if socket.peer_addr().is_ok() => Attempt::Answered,
            Ok(None) => Attempt::Waiting,
            Ok(Some(error)) => match Errno::from_io_error(&error) {
                Some(Errno::CONNREFUSED | Errno::CONNRESET) => Attempt::Answered,
                _ => Attempt::Ended,
            },
            Err(_) => Attempt::Ended,
        }
    }
}

/// How an attempt to connect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nothing has come.
    Waiting,
    /// The target has answered, by SYN-ACK or RST.
    Answered,
    /// The kernel has given up, for example because of an ICMP error.
    Ended,
}
