//! The kernel as a [`Source`]: sock_diag over netlink.

mod datagram;
mod events;
mod inspector;
mod request;
mod socket;

use rustix::io::Errno;

pub use datagram::{Datagram, Frame, FrameKind};
pub(crate) use events::{EventListener, Notice};
pub use inspector::Inspector;

use crate::clock::{Clock, SystemClock};
use crate::{Error, Family, Reply, SocketKey, SocketMessage, Source};
use request::PortFilter;
use socket::NetlinkSocket;

/// Dumps and exact gets on two reused sockets, so that a dump that broke off
/// cannot mix its rest into the answer of a get.
#[derive(Debug)]
pub struct Netlink {
    dumps: NetlinkSocket,
    inspector: Inspector,
    filter: PortFilter,
}

impl Netlink {
    /// Opens the sockets.
    ///
    /// Dumps show sockets on the given local ports only; no ports means all.
    pub fn open(local_ports: &[u16]) -> Result<Self, Error> {
        let filter = PortFilter::new(local_ports)?;
        Ok(Self { dumps: NetlinkSocket::open()?, inspector: Inspector::open()?, filter })
    }

    fn dump_to_end(&mut self, family: Family, sink: &mut dyn FnMut(Reply)) -> Result<(), Error> {
        let clock = SystemClock;
        let mut answer =
            DumpAnswer { family, sequence: self.dumps.next_sequence(), interrupted: false };
        let mut request = clock.now();
        self.dumps.send(&request::dump(family, &self.filter, answer.sequence))?;
        loop {
            // The kernel fills the next datagram when the one before is read
            // (netlink_recvmsg), so that call is where its states are from.
            let next_request = clock.now();
            let datagram = self.dumps.receive()?;
            let reply = clock.now();
            let mut show = |message| sink(Reply { request, reply, message });
            if answer.read(datagram, &mut show)? {
                return Ok(());
            }
            request = next_request;
        }
    }
}

/// What the kernel answers to the request of a dump.
#[derive(Debug)]
struct DumpAnswer {
    family: Family,
    sequence: u32,
    interrupted: bool,
}

impl DumpAnswer {
    /// Reads one of its datagrams; true at the end of a complete dump.
    fn read(
        &mut self,
        datagram: &[u8],
        show: &mut dyn FnMut(SocketMessage),
    ) -> Result<bool, Error> {
        for frame in Datagram::new(datagram) {
            let frame = frame?;
            if frame.sequence != self.sequence {
                continue;
            }
            self.interrupted |= frame.interrupted;
            match frame.kind {
                FrameKind::Socket(payload) => show(SocketMessage::parse(payload)?),
                FrameKind::Error(errno) | FrameKind::Done(errno) if errno != 0 => {
                    let source = std::io::Error::from_raw_os_error(errno);
                    return Err(Error::Dump { family: self.family, source });
                }
                FrameKind::Done(_) if self.interrupted => {
                    return Err(Error::DumpInterrupted { family: self.family });
                }
                FrameKind::Done(_) => return Ok(true),
                FrameKind::Error(_) | FrameKind::Other(_) => {}
            }
        }
        Ok(false)
    }
}

impl Source for Netlink {
    fn dump(&mut self, family: Family, sink: &mut dyn FnMut(Reply)) -> Result<(), Error> {
        let outcome = self.dump_to_end(family, sink);
        // Read to its end: nothing of it is left in the socket.
        let complete =
            matches!(outcome, Ok(()) | Err(Error::Dump { .. } | Error::DumpInterrupted { .. }));
        if !complete {
            self.dumps = NetlinkSocket::open()?;
        }
        outcome
    }

    fn get(&mut self, key: &SocketKey) -> Result<Option<SocketMessage>, Error> {
        self.inspector.get(key)
    }
}

/// Whether the kernel says that there is no such socket
/// (`sock_diag_check_cookie` has said ESTALE, its callers ENOENT).
fn is_gone(errno: i32) -> bool {
    [Errno::NOENT, Errno::STALE].iter().any(|gone| gone.raw_os_error() == errno)
}

#[cfg(test)]
mod tests;
