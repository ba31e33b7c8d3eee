//! Listening sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// A thousand clients may arrive at once.
const BACKLOG: i32 = 4096;

/// A port is in use, or an address is not of this host.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}{hint}", hint = hint(source))]
pub struct Error {
    /// Where.
    pub address: SocketAddr,
    /// What the kernel said.
    pub source: io::Error,
}

/// One socket for each address, all on the same port where the kernel chooses it.
///
/// Must be called inside a tokio runtime.
pub fn bind(addresses: &[IpAddr], port: u16) -> Result<Vec<TcpListener>, Error> {
    let mut port = port;
    addresses
        .iter()
        .map(|ip| {
            let address = SocketAddr::new(*ip, port);
            let bound = bind_one(address).map_err(|source| Error { address, source })?;
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

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; choose another port or end the program that has it",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege, choose another",
        io::ErrorKind::AddrNotAvailable => "; choose an address of this host",
        _ => "",
    }
}
