//! How a stream ends, over real sockets: TLS has two ends, and the kernel's
//! final counters are whole only behind the second.

use std::future::poll_fn;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

/// Smaller than what the peer sends at once.
const READ_BUFFER_BYTES: usize = 16 << 10;

#[tokio::test]
async fn the_end_of_tls_is_the_fin_behind_close_notify_and_every_byte_before_it_counts() {
    let (client, server) = sessions();
    let (mut peer, socket) = connected().await;
    let mut transport = Transport::tls(socket, server.into(), READ_BUFFER_BYTES);

    let mut sent = farewell(client, b"the last words");
    // Bytes behind close_notify mean nothing, also those that come with it.
    sent.extend([7; 100]);
    peer.write_all(&sent).await.unwrap();
    assert!(within(poll_fn(|cx| transport.poll_fill(cx))).await.unwrap());
    assert_eq!(transport.buffer(), b"the last words");
    transport.consume(b"the last words".len());
    assert!(!within(poll_fn(|cx| transport.poll_fill(cx))).await.unwrap(), "close_notify");
    let mut total = sent.len() as u64;
    still_open(&mut transport, total).await;

    for later in [1, 3 * READ_BUFFER_BYTES] {
        peer.write_all(&vec![7; later]).await.unwrap();
        total += later as u64;
        still_open(&mut transport, total).await;
    }
    peer.shutdown().await.unwrap();
    within(poll_fn(|cx| transport.poll_end(cx))).await.unwrap();
    assert_eq!(transport.read_bytes(), total);
}

#[tokio::test]
async fn without_tls_the_fin_is_the_end() {
    let (mut peer, socket) = connected().await;
    let mut transport = Transport::plain(socket, READ_BUFFER_BYTES);
    peer.write_all(b"the last words").await.unwrap();
    peer.shutdown().await.unwrap();
    assert!(within(poll_fn(|cx| transport.poll_fill(cx))).await.unwrap());
    transport.consume(b"the last words".len());
    assert!(!within(poll_fn(|cx| transport.poll_fill(cx))).await.unwrap());
    within(poll_fn(|cx| transport.poll_end(cx))).await.unwrap();
    assert_eq!(transport.read_bytes(), b"the last words".len() as u64);
}

/// Waits for the end until `read_bytes` are counted: it must not have come.
async fn still_open(transport: &mut Transport, read_bytes: u64) {
    let counted = poll_fn(|cx| match transport.poll_end(cx) {
        Poll::Ready(end) => panic!("{end:?} before the FIN"),
        Poll::Pending if transport.read_bytes() == read_bytes => Poll::Ready(()),
        Poll::Pending => Poll::Pending,
    });
    within(counted).await;
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

/// What a client's last message and its close_notify are on the wire.
fn farewell(mut client: ClientConnection, message: &[u8]) -> Vec<u8> {
    client.writer().write_all(message).unwrap();
    client.send_close_notify();
    let mut ciphertext = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut ciphertext).unwrap();
    }
    ciphertext
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (peer, listener.accept().await.unwrap().0)
}

/// Two ends of a session behind its handshake, which crosses no socket.
fn sessions() -> (ClientConnection, ServerConnection) {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.wants_write() || server.wants_write() {
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        while client.wants_write() {
            client.write_tls(&mut to_server).unwrap();
        }
        while server.wants_write() {
            server.write_tls(&mut to_client).unwrap();
        }
        let (mut to_server, mut to_client) = (&to_server[..], &to_client[..]);
        while !to_server.is_empty() {
            server.read_tls(&mut to_server).unwrap();
            server.process_new_packets().unwrap();
        }
        while !to_client.is_empty() {
            client.read_tls(&mut to_client).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    (client, server)
}
