//! TCP without TLS.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Discarded at once.
const DISCARD_BYTES: usize = 1 << 20;

thread_local! {
    // The kernel takes only the length of this buffer and never writes to it,
    // so its zero pages cost no memory; one per worker, since a buffer per
    // connection could come from recycled, and so resident, memory.
    static DISCARD: RefCell<Box<[u8]>> = RefCell::new(vec![0; DISCARD_BYTES].into());
}

#[derive(Debug)]
pub(crate) struct Plain {
    read: Box<[u8]>,
    unread: Range<usize>,
}

impl Plain {
    pub(crate) fn new(read_buffer_bytes: usize) -> Self {
        Self { read: vec![0; read_buffer_bytes].into(), unread: 0..0 }
    }

    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        read_bytes: &mut u64,
    ) -> Poll<io::Result<bool>> {
        if !self.unread.is_empty() {
            return Poll::Ready(Ok(true));
        }
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match socket.try_read(&mut self.read) {
                Ok(n) => {
                    self.unread = 0..n;
                    *read_bytes += n as u64;
                    return Poll::Ready(Ok(n > 0));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(crate) fn buffer(&self) -> &[u8] {
        &self.read[self.unread.clone()]
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.unread.start += n;
    }
}

/// `recv` with `MSG_TRUNC` takes TCP payload off the socket without copying it (tcp(7)).
pub(crate) fn poll_discard(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    n: u64,
    read_bytes: &mut u64,
) -> Poll<io::Result<u64>> {
    let n = n.min(DISCARD_BYTES as u64) as usize;
    loop {
        ready!(socket.poll_read_ready(cx))?;
        let taken = socket.try_io(Interest::READABLE, || {
            DISCARD.with_borrow_mut(|buffer| {
                let (_, taken) = recv(socket, &mut buffer[..n], RecvFlags::TRUNC)?;
                Ok(taken as u64)
            })
        });
        match taken {
            Ok(taken) => {
                *read_bytes += taken;
                return Poll::Ready(Ok(taken));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

pub(crate) fn poll_write(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    parts: &[IoSlice<'_>],
    written_bytes: &mut u64,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(socket.poll_write_ready(cx))?;
        match socket.try_write_vectored(parts) {
            Ok(written) => {
                *written_bytes += written as u64;
                return Poll::Ready(Ok(written));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}
