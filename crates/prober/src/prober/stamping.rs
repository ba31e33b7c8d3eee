//! Makes the kernel stamp arrivals, and keeps it doing so.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use rustix::event::{Timespec, poll};
use socket2::{Protocol, Socket, Type};

use super::options;
use crate::packet::Control;
use crate::sys::Buffers;

/// A socket that asks for stamps as long as it lives.
#[derive(Debug)]
pub(super) struct Stamping {
    _socket: Option<Socket>,
}

/// Longest wait for the first stamp, ms.
const PATIENCE_MS: usize = 200;

impl Stamping {
    /// The kernel begins to stamp some time after the first socket on the host asked for
    /// it, from a workqueue (`net_enable_timestamp`), and ends with the last; until then
    /// answers would have no round trip.  So this waits until a datagram to itself has a
    /// stamp.  On a host without IPv4 loopback it does not wait.
    pub(super) fn start(buffers: &mut Buffers) -> Self {
        let socket = stamped_loopback().ok();
        for _ in 0..PATIENCE_MS {
            let is_stamped = socket.as_ref().map(|socket| is_stamped(socket, buffers));
            if !matches!(is_stamped, Some(Ok(false))) {
                break;
            }
            let millisecond = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
            let _ = poll(&mut [], Some(&millisecond));
        }
        Self { _socket: socket }
    }
}

/// A socket that is connected to itself.
fn stamped_loopback() -> io::Result<Socket> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let socket = options::socket(address.ip(), Type::DGRAM, Protocol::UDP)?;
    options::stamp_arrivals(&socket)?;
    socket.bind(&address.into())?;
    socket.connect(&socket.local_addr()?)?;
    Ok(socket)
}

fn is_stamped(socket: &Socket, buffers: &mut Buffers) -> io::Result<bool> {
    socket.send(&[0])?;
    let received = buffers.receive(socket, false)?;
    Ok(Control::parse(received.control).stamp_ns.is_some())
}
