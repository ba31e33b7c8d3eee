//! The bytes under a WebSocket, plain or TLS, as poll functions: one task
//! reads and writes at the same time without splitting the TLS session.
//!
//! Bulk payload is discarded in the kernel where that is possible, and every
//! byte that crosses the socket is counted.
//! This crate must never know WebSocket, and never block.
#![forbid(unsafe_code)]

mod plain;
mod tls;

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use rustls::Connection;
use tokio::net::TcpStream;

use plain::Plain;
use tls::Tls;

/// Payload is discarded in the kernel only while at least so much is due; below
/// it, one read that takes the next headers along costs fewer system calls.
pub const DISCARD_FROM_BYTES: u64 = 64 << 10;

/// A connected socket, with or without TLS.
#[derive(Debug)]
pub struct Transport {
    socket: TcpStream,
    layer: Layer,
    read_bytes: u64,
    written_bytes: u64,
}

#[derive(Debug)]
enum Layer {
    Plain(Plain),
    Tls(Box<Tls>),
}

impl Transport {
    /// Over the bare socket; reads at most `read_buffer_bytes` at once.
    pub fn plain(socket: TcpStream, read_buffer_bytes: usize) -> Self {
        Self::new(socket, Layer::Plain(Plain::new(read_buffer_bytes)))
    }

    /// Over a TLS session; reads at most `read_buffer_bytes` of ciphertext at once.
    pub fn tls(socket: TcpStream, session: Connection, read_buffer_bytes: usize) -> Self {
        Self::new(socket, Layer::Tls(Box::new(Tls::new(session, read_buffer_bytes))))
    }

    fn new(socket: TcpStream, layer: Layer) -> Self {
        Self { socket, layer, read_bytes: 0, written_bytes: 0 }
    }

    /// Counts on from what crossed the socket before, such as a handshake.
    #[must_use]
    pub fn counting_from(self, read_bytes: u64, written_bytes: u64) -> Self {
        Self { read_bytes, written_bytes, ..self }
    }

    /// The socket, for its options and addresses.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Bytes read from the socket through this transport; of TLS with TLS.
    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }

    /// Bytes written to the socket through this transport; of TLS with TLS.
    pub fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// Waits until [`Self::buffer`] has bytes; `false` is the end.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        match &mut self.layer {
            Layer::Plain(plain) => plain.poll_fill(cx, &self.socket, &mut self.read_bytes),
            Layer::Tls(tls) => tls.poll_fill(cx, &self.socket, &mut self.read_bytes),
        }
    }

    /// Waits for the peer's FIN once [`Self::poll_fill`] has come to the end,
    /// which with TLS is its close_notify: a socket that is closed before the
    /// FIN may never have it in its final counters.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(_) => Poll::Ready(Ok(())),
            Layer::Tls(tls) => tls.poll_end(cx, &self.socket, &mut self.read_bytes),
        }
    }

    /// Bytes received and not consumed.
    pub fn buffer(&mut self) -> &[u8] {
        match &mut self.layer {
            Layer::Plain(plain) => plain.buffer(),
            Layer::Tls(tls) => tls.buffer(),
        }
    }

    /// Takes `n` bytes off the front of [`Self::buffer`].
    pub fn consume(&mut self, n: usize) {
        match &mut self.layer {
            Layer::Plain(plain) => plain.consume(n),
            Layer::Tls(tls) => tls.consume(n),
        }
    }

    /// Takes up to `n` of the next bytes away unseen, when the kernel can do
    /// that and nothing is in the buffer; otherwise `None`, and the bytes come
    /// by [`Self::poll_fill`].  0 bytes are the end.
    pub fn poll_discard(&mut self, cx: &mut Context<'_>, n: u64) -> Option<Poll<io::Result<u64>>> {
        match &mut self.layer {
            Layer::Plain(plain) if n >= DISCARD_FROM_BYTES && plain.buffer().is_empty() => {
                Some(plain::poll_discard(cx, &self.socket, n, &mut self.read_bytes))
            }
            _ => None,
        }
    }

    /// Writes a part of the slices; how much, in bytes of payload.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.layer {
            Layer::Plain(_) => plain::poll_write(cx, &self.socket, parts, &mut self.written_bytes),
            Layer::Tls(tls) => tls.poll_write(cx, &self.socket, parts, &mut self.written_bytes),
        }
    }

    /// Gives everything written to the kernel.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(_) => Poll::Ready(Ok(())),
            Layer::Tls(tls) => tls.poll_flush(cx, &self.socket, &mut self.written_bytes),
        }
    }

    /// Ends the sending side: close_notify where there is TLS, then FIN.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.layer {
            Layer::Plain(_) => Poll::Ready(end_sending(&self.socket)),
            Layer::Tls(tls) => tls.poll_shutdown(cx, &self.socket, &mut self.written_bytes),
        }
    }
}

fn end_sending(socket: &TcpStream) -> io::Result<()> {
    rustix::net::shutdown(socket, rustix::net::Shutdown::Write).map_err(io::Error::from)
}

#[cfg(test)]
mod tests;
