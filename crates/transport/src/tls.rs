//! TLS over TCP, by the buffered interface of rustls. Received bytes come
//! through a buffer of our own: left to itself, rustls reads 4 KiB at a time.

use std::io::{self, BufRead as _, IoSlice, Write};
use std::ops::Range;
use std::task::{Context, Poll, ready};

use rustls::Connection;
use tokio::net::TcpStream;

#[derive(Debug)]
pub(crate) struct Tls {
    session: Connection,
    ciphertext: Box<[u8]>,
    unread: Range<usize>,
    close_notify_sent: bool,
}

impl Tls {
    pub(crate) fn new(session: Connection, read_buffer_bytes: usize) -> Self {
        Self {
            session,
            ciphertext: vec![0; read_buffer_bytes].into(),
            unread: 0..0,
            close_notify_sent: false,
        }
    }

    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        read_bytes: &mut u64,
    ) -> Poll<io::Result<bool>> {
        loop {
            match self.session.reader().fill_buf() {
                Ok(plaintext) => return Poll::Ready(Ok(!plaintext.is_empty())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The end without close_notify. Nothing hangs on it here: the
                // WebSocket's own Close says whether the test ended well.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(false));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            if self.unread.is_empty() {
                ready!(self.poll_ciphertext(cx, socket))?;
                *read_bytes += self.unread.len() as u64;
            }
            let mut unread = &self.ciphertext[self.unread.clone()];
            // An empty slice tells rustls that the stream has ended.
            self.unread.start += self.session.read_tls(&mut unread)?;
            self.session
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// What comes after close_notify means nothing (RFC 8446, 6.1).
    pub(crate) fn poll_end(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        read_bytes: &mut u64,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_ciphertext(cx, socket))?;
            if self.unread.is_empty() {
                return Poll::Ready(Ok(()));
            }
            *read_bytes += self.unread.len() as u64;
            self.unread = 0..0;
        }
    }

    fn poll_ciphertext(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(socket.poll_read_ready(cx))?;
            match socket.try_read(&mut self.ciphertext) {
                Ok(n) => {
                    self.unread = 0..n;
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    pub(crate) fn buffer(&mut self) -> &[u8] {
        self.session.reader().into_first_chunk().unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.session.reader().consume(n);
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        parts: &[IoSlice<'_>],
        written_bytes: &mut u64,
    ) -> Poll<io::Result<usize>> {
        // The session takes up to 64 KiB; more only when that is with the kernel.
        ready!(self.poll_flush(cx, socket, written_bytes))?;
        let n = self.session.writer().write_vectored(parts)?;
        match self.poll_flush(cx, socket, written_bytes) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(n)),
        }
    }

    pub(crate) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        written_bytes: &mut u64,
    ) -> Poll<io::Result<()>> {
        while self.session.wants_write() {
            ready!(socket.poll_write_ready(cx))?;
            match self.session.write_tls(&mut NonBlocking(socket)) {
                Ok(n) => *written_bytes += n as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_shutdown(
        &mut self,
        cx: &mut Context<'_>,
        socket: &TcpStream,
        written_bytes: &mut u64,
    ) -> Poll<io::Result<()>> {
        if !self.close_notify_sent {
            self.session.send_close_notify();
            self.close_notify_sent = true;
        }
        ready!(self.poll_flush(cx, socket, written_bytes))?;
        Poll::Ready(crate::end_sending(socket))
    }
}

/// tokio's socket as the `Write` that rustls wants.
struct NonBlocking<'a>(&'a TcpStream);

impl Write for NonBlocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
