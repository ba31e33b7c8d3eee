//! Destroy events: the kernel's last word on a socket, read on an own thread.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::{Errno, retry_on_intr};

use crate::clock::{Clock, SystemClock};
use crate::{Counters, Error, Moment, SocketMessage};

use super::datagram::{Datagram, FrameKind};
use super::socket::NetlinkSocket;

/// `SKNLGRP_INET_TCP_DESTROY` and `SKNLGRP_INET6_TCP_DESTROY`
/// (`include/uapi/linux/sock_diag.h`).
const DESTROY_GROUPS: [u32; 2] = [1, 3];
const THREAD: &str = "destroy-events";

/// What the listener has to say.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A socket is gone; its final state, and when the event was read.
    Destroyed(Box<SocketMessage>, Moment),
    /// The kernel dropped events.
    Lost,
}

/// The thread that reads destroy events.
#[derive(Debug)]
pub(crate) struct EventListener {
    thread: JoinHandle<()>,
    stop: Arc<OwnedFd>,
}

impl EventListener {
    /// Joins the groups of both families and starts the thread; on return no
    /// event is missed but by overflow, which is told.
    ///
    /// The thread ends when `tell` returns false, or by [`Self::stop`].
    pub(crate) fn start(
        buffer_bytes: usize,
        counters: Arc<Counters>,
        tell: impl FnMut(Notice) -> bool + Send + 'static,
    ) -> Result<Self, Error> {
        let mut socket = NetlinkSocket::open()?;
        counters.event_buffer_bytes.set(socket.enlarge_buffer(buffer_bytes)? as u64);
        for group in DESTROY_GROUPS {
            socket.join(group)?;
        }
        let failed = |source: std::io::Error| Error::Thread { name: THREAD, source };
        let stop =
            Arc::new(eventfd(0, EventfdFlags::CLOEXEC).map_err(|errno| failed(errno.into()))?);
        let mut reader = Reader { socket, stop: Arc::clone(&stop), counters, tell };
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || reader.run())
            .map_err(failed)?;
        Ok(Self { thread, stop })
    }

    /// Ends the thread after it has read what is queued.
    pub(crate) fn stop(self) -> Result<(), Error> {
        // Adding to an event counter of 0 cannot fail or wait.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        self.thread.join().map_err(|_| Error::Panicked { name: THREAD })
    }
}

struct Reader<T> {
    socket: NetlinkSocket,
    stop: Arc<OwnedFd>,
    counters: Arc<Counters>,
    tell: T,
}

impl<T: FnMut(Notice) -> bool> Reader<T> {
    fn run(&mut self) {
        while self.drain() && self.wait() {}
        self.drain();
    }

    /// Waits for events; false when told to stop.
    fn wait(&self) -> bool {
        let mut descriptors = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::from_borrowed_fd(std::os::fd::AsFd::as_fd(&*self.stop), PollFlags::IN),
        ];
        match retry_on_intr(|| poll(&mut descriptors, None)) {
            Ok(_) => descriptors[1].revents().is_empty(),
            Err(errno) => {
                tracing::error!(%errno, "cannot wait for destroy events, flows end with their last poll");
                false
            }
        }
    }

    /// Reads all that is queued; false when there is nobody to tell any more,
    /// or nothing more to be had.
    fn drain(&mut self) -> bool {
        loop {
            let more = match self.socket.try_receive() {
                Ok(None) => return true,
                Ok(Some(datagram)) => {
                    let received = SystemClock.now();
                    decode(datagram, received, &self.counters, &mut self.tell)
                }
                Err(error) => {
                    self.counters.events_lost.add(1);
                    (self.tell)(Notice::Lost) && survives(&error)
                }
            };
            if !more {
                return false;
            }
        }
    }
}

/// Whether the socket works on after an error.
fn survives(error: &Error) -> bool {
    match error {
        Error::Receive(source) if source.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
            tracing::debug!("the kernel dropped destroy events, the next dump shows what is gone");
            true
        }
        Error::Truncated { .. } => {
            tracing::warn!(%error, "lost destroy events");
            true
        }
        _ => {
            tracing::error!(%error, "destroy events ended, flows end with their last poll");
            false
        }
    }
}

/// Tells every event of a datagram; false when nobody listens any more.
fn decode(
    datagram: &[u8],
    received: Moment,
    counters: &Counters,
    tell: &mut impl FnMut(Notice) -> bool,
) -> bool {
    for frame in Datagram::new(datagram) {
        let message = frame.and_then(|frame| match frame.kind {
            FrameKind::Socket(payload) => SocketMessage::parse(payload).map(Some),
            _ => Ok(None),
        });
        match message {
            Ok(Some(message)) => {
                counters.events.add(1);
                // Listeners and connects that were refused have no peer.
                if message.key.remote.port() == 0 {
                    counters.events_ignored.add(1);
                } else if !tell(Notice::Destroyed(Box::new(message), received)) {
                    return false;
                }
            }
            Ok(None) => {}
            Err(error) => {
                counters.malformed.add(1);
                tracing::warn!(%error, "cannot decode a destroy event");
            }
        }
    }
    true
}
