//! Listening sockets and the loop that accepts from one.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

use crate::Error;

/// A thousand clients may arrive at once.
const BACKLOG: i32 = 4096;
/// Accepting fails for want of descriptors or memory, and does so until some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One socket for each address, all on the same port where the kernel chooses it.
pub(crate) fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, Error> {
    let mut port = port;
    addresses
        .iter()
        .map(|ip| {
            let address = SocketAddr::new(*ip, port);
            let bound = bind_one(address).map_err(|source| Error::Bind { address, source })?;
            port = bound.local_addr().map_or(port, |address| address.port());
            Ok(bound)
        })
        .collect()
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart must not wait for the last run's connections in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts for ever; each connection holds one permit for as long as it lives.
pub(crate) async fn accept(
    listener: TcpListener,
    connections: Arc<Semaphore>,
    mut serve: impl FnMut(TcpStream, OwnedSemaphorePermit),
) {
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => serve(stream, permit),
            // The client was gone before we came to it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                warn!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
