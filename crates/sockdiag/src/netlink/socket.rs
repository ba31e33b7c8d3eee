//! One netlink socket of the sock_diag protocol.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use netlink_sys::protocols::NETLINK_SOCK_DIAG;
use netlink_sys::{Socket, SocketAddr};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, recv, sockopt};

use crate::Error;

/// The kernel fills datagrams of a dump up to 32 KiB (`netlink_dump`).
const BUFFER_LEN: usize = 64 * 1024;
/// The kernel answers in microseconds; an exact get waits for the socket's lock.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A socket, its receive buffer and its sequence numbers.
pub(super) struct NetlinkSocket {
    socket: Socket,
    sequence: u32,
    buffer: Box<[u8]>,
}

impl NetlinkSocket {
    pub(super) fn open() -> Result<Self, Error> {
        let mut socket = Socket::new(NETLINK_SOCK_DIAG).map_err(Error::Open)?;
        socket.bind_auto().map_err(Error::Open)?;
        // A connected socket takes messages from the kernel only.
        socket.connect(&SocketAddr::new(0, 0)).map_err(Error::Open)?;
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(ANSWER_TIMEOUT))
            .map_err(|errno| Error::Option { option: "SO_RCVTIMEO", source: errno.into() })?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER_LEN].into() })
    }

    /// The number for the next request; never 0, which marks multicasts.
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        self.sequence
    }

    pub(super) fn send(&self, request: &[u8]) -> Result<(), Error> {
        self.socket.send(request, 0).map(drop).map_err(Error::Send)
    }

    /// Waits for a datagram.
    pub(super) fn receive(&mut self) -> Result<&[u8], Error> {
        let length = self.receive_with(RecvFlags::empty())?;
        Ok(&self.buffer[..length])
    }

    /// The next datagram, if there is one.
    pub(super) fn try_receive(&mut self) -> Result<Option<&[u8]>, Error> {
        match self.receive_with(RecvFlags::DONTWAIT) {
            Ok(length) => Ok(Some(&self.buffer[..length])),
            Err(Error::Receive(error))
                if error.raw_os_error() == Some(Errno::AGAIN.raw_os_error()) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn receive_with(&mut self, flags: RecvFlags) -> Result<usize, Error> {
        let flags = flags | RecvFlags::TRUNC;
        let (_, length) = retry_on_intr(|| recv(&self.socket, &mut *self.buffer, flags))
            .map_err(|errno| Error::Receive(errno.into()))?;
        if length > self.buffer.len() {
            return Err(Error::Truncated { length, buffer: self.buffer.len() });
        }
        Ok(length)
    }

    pub(super) fn join(&mut self, group: u32) -> Result<(), Error> {
        self.socket.add_membership(group).map_err(|source| Error::Join { group, source })
    }

    /// Asks for a receive buffer of `bytes`, beyond net.core.rmem_max where
    /// CAP_NET_ADMIN allows it; returns what the kernel accounts.
    pub(super) fn enlarge_buffer(&self, bytes: usize) -> Result<usize, Error> {
        let failed = |errno: Errno| Error::Option { option: "SO_RCVBUF", source: errno.into() };
        if sockopt::set_socket_recv_buffer_size_force(&self.socket, bytes).is_err() {
            sockopt::set_socket_recv_buffer_size(&self.socket, bytes).map_err(failed)?;
        }
        sockopt::socket_recv_buffer_size(&self.socket).map_err(failed)
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl std::fmt::Debug for NetlinkSocket {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NetlinkSocket")
            .field("socket", &self.socket)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
