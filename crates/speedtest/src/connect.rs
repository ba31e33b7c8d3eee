//! From the name of a server to an open WebSocket.

use std::future::Future;
use std::io;

use rustls::Connection;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use trigpoint_ndt7::{Direction, spec};
use trigpoint_transport::Transport;

use crate::{Error, Settings, Target, handshake, tls};

/// Unsent bytes that the kernel takes before it says that a socket is full.
/// Without it an upload goes on for seconds after its end: megabytes sit in
/// the send buffer of a slow link.
const NOTSENT_LOWAT_BYTES: u32 = 128 << 10;
/// Read at once where frames are looked at; bulk is discarded in the kernel.
const READ_BYTES: usize = 32 << 10;
/// Ciphertext read at once: rustls alone reads 4 KiB.
const TLS_READ_BYTES: usize = 256 << 10;

/// Connects, and returns the transport with the bytes that came after the
/// server's handshake. Each step has the protocol's time for one I/O.
pub(crate) async fn open(
    settings: &Settings,
    direction: Direction,
) -> Result<(Transport, Vec<u8>), Error> {
    let target = &settings.target;
    // Before the network is touched: a wrong file must not look like a server's fault.
    let tls_settings =
        if target.is_secure() { Some(tls::ClientSettings::load(settings)?) } else { None };
    let socket = connect(target).await?;
    let Some(tls_settings) = tls_settings else {
        let upgrade = handshake::upgrade(socket, settings, direction);
        let (socket, early) = limited("open a WebSocket on", target, upgrade).await??;
        return Ok((Transport::plain(socket, READ_BYTES), early));
    };
    let hello = tls_settings.connect(target, socket);
    let stream = limited("TLS handshake with", target, hello).await??;
    let upgrade = handshake::upgrade(stream, settings, direction);
    let (stream, early) = limited("open a WebSocket on", target, upgrade).await??;
    let (socket, session) = stream.into_inner();
    Ok((Transport::tls(socket, Connection::Client(session), TLS_READ_BYTES), early))
}

/// Tries the addresses of the server in the resolver's order.
async fn connect(target: &Target) -> Result<TcpStream, Error> {
    let host = target.host_name();
    let lookup = lookup_host((host.as_str(), target.port()));
    let addresses = limited("look up the address of", target, lookup)
        .await?
        .map_err(|source| Error::Resolve { host: host.clone(), source })?;
    let mut failure = Error::Resolve {
        host: host.clone(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
    };
    for address in addresses {
        let server = if host == address.ip().to_string() {
            address.to_string()
        } else {
            format!("{host} ({address})")
        };
        match timeout(spec::IO_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(socket)) => {
                return match tune(&socket) {
                    Ok(()) => Ok(socket),
                    Err(source) => Err(Error::Connect { server, source }),
                };
            }
            Ok(Err(source)) => failure = Error::Connect { server, source },
            Err(_) => failure = Error::NoAnswer { operation: "connect to", server },
        }
    }
    Err(failure)
}

fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(NOTSENT_LOWAT_BYTES)
}

async fn limited<T>(
    operation: &'static str,
    target: &Target,
    step: impl Future<Output = T>,
) -> Result<T, Error> {
    timeout(spec::IO_TIMEOUT, step)
        .await
        .map_err(|_| Error::NoAnswer { operation, server: target.to_string() })
}
