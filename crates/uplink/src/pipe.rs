//! A collector in the same process, reached without a port.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use hyper_util::rt::TokioIo;
use tokio::{io::DuplexStream, sync::mpsc};
use tonic::transport::Uri;
use tower::Service;

const BUFFER_BYTES: usize = 256 << 10;

/// The station's end: every attempt to connect opens a new stream of bytes.
#[derive(Clone)]
pub struct Pipe {
    accepted: mpsc::Sender<DuplexStream>,
}

/// The collector's end, to serve with tonic's `serve_with_incoming`.
#[derive(Debug)]
pub struct Incoming {
    accepted: mpsc::Receiver<DuplexStream>,
}

/// Makes a pipe.
pub fn pipe() -> (Pipe, Incoming) {
    let (sender, receiver) = mpsc::channel(4);
    (Pipe { accepted: sender }, Incoming { accepted: receiver })
}

impl Pipe {
    pub(crate) fn connector(
        &self,
    ) -> impl Service<Uri, Response = TokioIo<DuplexStream>, Error = io::Error, Future: Send>
    + Send
    + use<> {
        let accepted = self.accepted.clone();
        tower::service_fn(move |_: Uri| {
            let accepted = accepted.clone();
            async move {
                let (near, far) = tokio::io::duplex(BUFFER_BYTES);
                accepted.send(far).await.map_err(|_| {
                    io::Error::new(io::ErrorKind::ConnectionRefused, "the collector has ended")
                })?;
                Ok(TokioIo::new(near))
            }
        })
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pipe").finish_non_exhaustive()
    }
}

impl Stream for Incoming {
    type Item = io::Result<DuplexStream>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.accepted.poll_recv(context).map(|stream| stream.map(Ok))
    }
}
