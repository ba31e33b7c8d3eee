//! Connections that have come through their TLS handshake.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tracing::{debug, warn};

/// A client that takes longer is not there to talk.
const WITHIN: Duration = Duration::from_secs(10);
/// Handshakes at the same time; more wait in the listen queue.
const AT_ONCE: usize = 256;
/// Accepting fails for want of descriptors or memory, and does so until some are free.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections of `incoming` once they have come through their handshake, until
/// it ends or nobody wants them any more. A handshake that fails or hangs ends its own
/// connection and holds up no other.
///
/// Where tonic would do this, it takes a certificate once and for ever.
///
/// Must be called inside a tokio runtime.
pub fn handshakes<S, IO>(
    incoming: S,
    config: Arc<ServerConfig>,
) -> ReceiverStream<io::Result<TlsStream<IO>>>
where
    S: Stream<Item = io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (ready, shaken) = mpsc::channel(1);
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        tokio::select! {
            () = shake(incoming, &acceptor, &ready) => {}
            () = ready.closed() => {}
        }
    });
    ReceiverStream::new(shaken)
}

async fn shake<S, IO>(
    incoming: S,
    acceptor: &TlsAcceptor,
    ready: &mpsc::Sender<io::Result<TlsStream<IO>>>,
) where
    S: Stream<Item = io::Result<IO>>,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut incoming = pin!(incoming);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let connection = match incoming.next().await {
            Some(Ok(connection)) => connection,
            // The client was gone before we came to it.
            Some(Err(error)) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Some(Err(error)) => {
                warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            None => return,
        };
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            match timeout(WITHIN, acceptor.accept(connection)).await {
                // Nobody may want it by now, and it ends.
                Ok(Ok(stream)) => drop(ready.send(Ok(stream)).await),
                Ok(Err(error)) => debug!(%error, "no TLS with a client"),
                Err(_) => debug!("a client did not finish its TLS handshake"),
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio_stream::wrappers::TcpListenerStream;

    use super::super::{chain_of, provider, self_signed};
    use super::*;

    #[tokio::test]
    async fn a_client_that_does_not_speak_tls_holds_up_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let certificate = self_signed(directory.path()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = certificate.server_config(&[]).unwrap();
        let mut shaken = handshakes(TcpListenerStream::new(listener), config);
        let silent = TcpStream::connect(address).await.unwrap();
        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();

        let mut roots = rustls::RootCertStore::empty();
        for item in chain_of(&certificate).unwrap() {
            roots.add(item).unwrap();
        }
        let config = rustls::ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(address).await.unwrap();
        let client = connector.connect("localhost".try_into().unwrap(), stream);
        let (client, server) = tokio::join!(client, shaken.next());
        let (client, server) = (client.unwrap(), server.unwrap().unwrap());
        let ours = client.get_ref().0.local_addr().unwrap();
        assert_eq!(server.get_ref().0.peer_addr().unwrap(), ours);
        drop((silent, other));
    }
}
