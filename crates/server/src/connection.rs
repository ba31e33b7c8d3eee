//! One accepted connection: TLS where its port has it, HTTP, and a test.

use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use rustls::Connection;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;
use trigpoint_ndt7::Direction;
use trigpoint_record::tables::speed_tests::Tls;
use trigpoint_transport::Transport;

use crate::Shared;
use crate::counted::Counted;
use crate::handshake::{self, Agreed, HEADER_TIMEOUT};
use crate::test::{self, Upgraded};

/// A peer that acknowledges nothing for so long is gone; otherwise the kernel
/// retransmits for a quarter of an hour (tcp(7)).
const USER_TIMEOUT: Duration = Duration::from_secs(15);
/// All requests before a test, and their answers: a client that never reads its
/// answers would hold the connection for ever (M-Lab's server has the same limit).
const HTTP_TIMEOUT: Duration = Duration::from_mins(1);
/// Read at once during a download: control frames and small texts.
const DOWNLOAD_READ_BYTES: usize = 4 << 10;
/// Read at once during an upload over ws, for headers and short messages; bulk
/// is discarded in the kernel.
const UPLOAD_READ_BYTES: usize = 64 << 10;
/// Ciphertext read at once during an upload over wss: rustls alone reads 4 KiB.
const UPLOAD_TLS_READ_BYTES: usize = 256 << 10;

/// Serves a connection to its end; every error ends this connection only.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, tls: Option<TlsAcceptor>) {
    // Measurements and Pings are small and must not wait for more (Nagle).
    let prepared = stream
        .set_nodelay(true)
        .and_then(|()| Ok(sockopt::set_tcp_user_timeout(&stream, USER_TIMEOUT.as_millis() as u32)?))
        .and_then(|()| stream.peer_addr());
    let client = match prepared {
        Ok(address) => address.ip().to_canonical(),
        Err(error) => return debug!(%error, "a client left at once"),
    };
    let upgraded = match tls {
        None => plain(&shared, stream, client).await,
        Some(acceptor) => secure(&shared, stream, client, acceptor).await,
    };
    if let Some(upgraded) = upgraded {
        test::run(&shared, upgraded).await;
    }
}

async fn plain(shared: &Shared, stream: TcpStream, client: std::net::IpAddr) -> Option<Upgraded> {
    let served = handshake::serve(Counted::new(stream), client, shared);
    let (io, early, agreed) = timeout(HTTP_TIMEOUT, served).await.ok()??;
    let transport = Transport::plain(io.stream, read_buffer(&agreed, UPLOAD_READ_BYTES))
        .counting_from(io.read_bytes, io.written_bytes);
    Some(Upgraded { transport, early, agreed, tls: None })
}

async fn secure(
    shared: &Shared,
    stream: TcpStream,
    client: std::net::IpAddr,
    acceptor: TlsAcceptor,
) -> Option<Upgraded> {
    let accepted = timeout(HEADER_TIMEOUT, acceptor.accept(Counted::new(stream))).await.ok()?;
    // A scanner, or a client that does not trust the certificate.
    let io = accepted.inspect_err(|error| debug!(%error, "no TLS with a client")).ok()?;
    let served = handshake::serve(io, client, shared);
    let (io, early, agreed) = timeout(HTTP_TIMEOUT, served).await.ok()??;
    let (counted, session) = io.into_inner();
    let tls = Tls {
        version: session.protocol_version().map_or_else(String::new, name),
        cipher_suite: session
            .negotiated_cipher_suite()
            .map_or_else(String::new, |suite| name(suite.suite())),
    };
    let size = read_buffer(&agreed, UPLOAD_TLS_READ_BYTES);
    let transport = Transport::tls(counted.stream, Connection::Server(session), size)
        .counting_from(counted.read_bytes, counted.written_bytes);
    Some(Upgraded { transport, early, agreed, tls: Some(tls) })
}

fn read_buffer(agreed: &Agreed, upload_bytes: usize) -> usize {
    match agreed.direction {
        Direction::Download => DOWNLOAD_READ_BYTES,
        Direction::Upload => upload_bytes,
    }
}

/// The name in the registry (IANA), as rustls writes it: `TLSv1_3`.
fn name(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}
