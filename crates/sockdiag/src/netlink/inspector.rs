//! Exact gets for one thread.

use crate::{Error, SocketKey, SocketMessage};

use super::datagram::{Datagram, FrameKind};
use super::socket::NetlinkSocket;
use super::{is_gone, request};

/// Asks the kernel for the state of single sockets, on an own netlink socket.
///
/// A get takes some 5 µs, and longer while the socket is locked by its owner.
#[derive(Debug)]
pub struct Inspector {
    socket: NetlinkSocket,
}

impl Inspector {
    /// Opens the netlink socket.
    pub fn open() -> Result<Self, Error> {
        Ok(Self { socket: NetlinkSocket::open()? })
    }

    /// The state of one socket; `None` when it does not exist (any more), or
    /// the 4-tuple belongs to another socket now.
    pub fn get(&mut self, key: &SocketKey) -> Result<Option<SocketMessage>, Error> {
        let sequence = self.socket.next_sequence();
        self.socket.send(&request::exact(key, sequence))?;
        loop {
            let datagram = self.socket.receive()?;
            for frame in Datagram::new(datagram) {
                let frame = frame?;
                // The late answer to a request that timed out.
                if frame.sequence != sequence {
                    continue;
                }
                return match frame.kind {
                    FrameKind::Socket(payload) => {
                        // The kernel takes a cookie of all ones for any socket.
                        let message = SocketMessage::parse(payload)?;
                        Ok(Some(message).filter(|found| found.key.cookie == key.cookie))
                    }
                    FrameKind::Error(errno) if is_gone(errno) => Ok(None),
                    FrameKind::Error(errno) if errno != 0 => {
                        let source = std::io::Error::from_raw_os_error(errno);
                        Err(Error::Get { key: *key, source })
                    }
                    _ => Err(Error::NoAnswer { key: *key }),
                };
            }
        }
    }
}
