//! Traffic over an emulated path, from sockets on both hosts.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use trigpoint_testkit::lab::Emulated;

/// Longer than any delay in this suite: what has not come then, was lost.
const GIVE_UP: Duration = Duration::from_secs(20);

/// A client's and a server's UDP socket, connected to each other.
pub(crate) struct Datagrams {
    pub(crate) client: UdpSocket,
    pub(crate) server: UdpSocket,
}

impl Datagrams {
    /// Ethernet, IPv4 and UDP headers of each datagram.
    pub(crate) const HEADERS: usize = 14 + 20 + 8;

    pub(crate) fn new(lab: &Emulated, server: IpAddr) -> Self {
        let server = lab.server().within(|| UdpSocket::bind((server, 0)).unwrap());
        let any = SocketAddr::new(unspecified(server.local_addr().unwrap().ip()), 0);
        let client = lab.client().within(|| UdpSocket::bind(any).unwrap());
        client.connect(server.local_addr().unwrap()).unwrap();
        // Now that it knows its own address.
        server.connect(client.local_addr().unwrap()).unwrap();
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(GIVE_UP)).unwrap();
        }
        Self { client, server }
    }

    /// Sends a number from the client in a datagram of `length` bytes.
    pub(crate) fn send(&self, number: u32, length: usize) {
        let mut datagram = vec![0; length];
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        self.client.send(&datagram).unwrap();
    }

    /// The number that arrives next at the server.
    pub(crate) fn receive(&self) -> u32 {
        self.receive_if_any().unwrap_or_else(|| panic!("nothing arrives"))
    }

    /// The same; none if nothing has come before the server's read timeout.
    pub(crate) fn receive_if_any(&self) -> Option<u32> {
        let mut datagram = [0; 2048];
        let length = self.server.recv(&mut datagram).ok()?;
        assert!(length >= 4, "a datagram of {length} bytes");
        Some(u32::from_be_bytes([datagram[0], datagram[1], datagram[2], datagram[3]]))
    }

    /// The server answers every datagram from now on, while the process lives.
    pub(crate) fn echo(&self) {
        let server = self.server.try_clone().unwrap();
        server.set_read_timeout(None).unwrap();
        std::thread::spawn(move || {
            let mut datagram = [0; 2048];
            while let Ok(length) = server.recv(&mut datagram) {
                if server.send(&datagram[..length]).is_err() {
                    break;
                }
            }
        });
    }

    /// The time until an echo is back.
    pub(crate) fn round_trip(&self) -> Duration {
        let mut datagram = [0; 100];
        let started = Instant::now();
        self.client.send(&datagram).unwrap();
        self.client.recv(&mut datagram).unwrap();
        started.elapsed()
    }
}

/// A TCP connection over which one side sends as fast as it can.
pub(crate) struct Transfer {
    receiver: TcpStream,
    started: Instant,
    bytes: u64,
}

impl Transfer {
    pub(crate) fn start(lab: &Emulated, server: IpAddr, download: bool) -> Self {
        let started = Instant::now();
        let listener = lab.server().within(|| TcpListener::bind((server, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        let client = lab.client().within(|| TcpStream::connect(address).unwrap());
        let (server, _) = listener.accept().unwrap();
        let (mut sender, receiver) = if download { (server, client) } else { (client, server) };
        // Never more than about 200 KB under way, so no loss in a longer queue; and
        // unlike bbr, reno does not pace itself to 99 % of what it has found.
        sockopt::set_tcp_congestion(&sender, "reno").unwrap();
        sockopt::set_socket_send_buffer_size(&sender, 200_000).unwrap();
        std::thread::spawn(move || while sender.write_all(&[0; 16384]).is_ok() {});
        Self { receiver, started, bytes: 0 }
    }

    /// Rate of the payload that arrives during about that time, bit/s.
    pub(crate) fn rate_during(&mut self, time: Duration) -> f64 {
        let (started, before) = (Instant::now(), self.bytes);
        let mut buffer = [0; 16384];
        while started.elapsed() < time {
            self.bytes += self.receiver.read(&mut buffer).unwrap() as u64;
        }
        (self.bytes - before) as f64 * 8.0 / started.elapsed().as_secs_f64()
    }

    /// The same since before the connection was opened.
    pub(crate) fn rate_until_now(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.started.elapsed().as_secs_f64()
    }
}

fn unspecified(family: IpAddr) -> IpAddr {
    match family {
        IpAddr::V4(_) => IpAddr::from([0; 4]),
        IpAddr::V6(_) => IpAddr::from([0; 16]),
    }
}
