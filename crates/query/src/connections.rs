//! Connections: how many there are, and when one that says nothing ends.
//!
//! HTTP/2 asks every client for a sign of life ([`crate::transport`]), so whoever is
//! silent for longer has left, or never began: with TLS, with HTTP/2, or at all.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use prometheus::IntCounter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// A client's connection, and its place among all.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    silent_at_most: Duration,
    silent: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

/// Connections of `incoming`, at most so many at a time: further ones are closed.
pub(crate) fn bounded(
    incoming: impl Stream<Item = io::Result<TcpStream>>,
    most: usize,
    silent_at_most: Duration,
    refused: IntCounter,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(most));
    incoming.filter_map(move |socket| {
        let place = Arc::clone(&places).try_acquire_owned();
        let admitted = match (socket, place) {
            (Err(error), _) => Some(Err(error)),
            (Ok(socket), Ok(place)) => Some(Ok(Connection {
                socket,
                silent_at_most,
                silent: Box::pin(sleep(silent_at_most)),
                _place: place,
            })),
            (Ok(socket), Err(_)) => {
                refused.inc();
                let peer = socket.peer_addr().ok();
                tracing::warn!(?peer, most, "connection refused: there are too many");
                None
            }
        };
        std::future::ready(admitted)
    })
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.socket.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Poll::Ready(read) = Pin::new(&mut this.socket).poll_read(context, buffer) {
            this.silent.as_mut().reset(Instant::now() + this.silent_at_most);
            return Poll::Ready(read);
        }
        ready!(this.silent.as_mut().poll(context));
        let silent = format!("nothing came for {} s", this.silent_at_most.as_secs_f64());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, silent)))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}
