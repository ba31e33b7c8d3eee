//! Against the kernel, on loopback; needs no privilege.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::net::sockopt::socket_cookie;

use super::*;
use crate::Counters;
use crate::message::tests::Raw;

fn connected(address: &str) -> (TcpListener, TcpStream, TcpStream) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = if address == "::" { "127.0.0.1" } else { address };
    let client = TcpStream::connect((target, port)).unwrap();
    let (server, _) = listener.accept().unwrap();
    (listener, server, client)
}

fn key(socket: &TcpStream) -> SocketKey {
    let (local, remote) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    SocketKey::new(local, remote, socket_cookie(socket).unwrap())
}

fn dump(ports: &[u16], family: Family) -> Vec<SocketMessage> {
    let mut source = Netlink::open(ports).unwrap();
    loop {
        let mut shown = Vec::new();
        match source.dump(family, &mut |reply| shown.push(reply.message)) {
            Ok(()) => return shown,
            Err(Error::DumpInterrupted { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn an_exact_get_finds_each_kind_of_socket() {
    let mut inspector = Inspector::open().unwrap();
    for address in ["127.0.0.1", "::1", "::"] {
        let (_listener, server, client) = connected(address);
        for socket in [&server, &client] {
            let key = key(socket);
            let message = inspector.get(&key).unwrap().unwrap();
            assert_eq!(message.key, key, "{address}");
            assert_eq!(message.state, crate::state::ESTABLISHED);
            assert!(message.tcp_info.unwrap().rtt_us().is_some());
            assert!(message.congestion_algorithm.is_some_and(|name| !name.is_empty()));
            assert!(message.skmeminfo.is_some() && message.meminfo.is_some());
        }
    }
}

#[test]
fn another_socket_on_the_same_addresses_is_not_taken_for_it() {
    let (_listener, server, _client) = connected("127.0.0.1");
    let mut inspector = Inspector::open().unwrap();
    let other = SocketKey { cookie: key(&server).cookie + 1, ..key(&server) };
    assert_eq!(inspector.get(&other).unwrap(), None);
    // The kernel answers a cookie of all ones with any socket.
    let any = SocketKey { cookie: u64::MAX, ..key(&server) };
    assert_eq!(inspector.get(&any).unwrap(), None);
    assert!(inspector.get(&key(&server)).unwrap().is_some());
}

#[test]
fn a_dump_shows_the_sockets_on_the_given_local_ports_only() {
    let (four, six, dual) = (connected("127.0.0.1"), connected("::1"), connected("::"));
    let sockets = [&four, &six, &dual].map(|(_, server, _)| key(server));
    let ports = sockets.map(|key| key.local.port());
    let shown = |ports: &[u16]| -> Vec<SocketKey> {
        let messages = [Family::V4, Family::V6].map(|family| dump(ports, family));
        messages.into_iter().flatten().map(|message| message.key).collect()
    };
    let with = |ports: &[u16]| {
        let shown = shown(ports);
        assert!(shown.iter().all(|key| ports.contains(&key.local.port())), "{shown:?}");
        sockets.map(|key| shown.contains(&key))
    };
    assert_eq!(with(&ports), [true; 3]);
    assert_eq!(with(&[ports[2], ports[0]]), [true, false, true]);
    assert_eq!(with(&[ports[1]]), [false, true, false]);
    let all = shown(&[]);
    for (_, server, client) in [&four, &six, &dual] {
        assert!(all.contains(&key(server)) && all.contains(&key(client)));
    }
}

#[test]
fn as_many_ports_as_allowed_are_filtered_and_more_are_refused() {
    let (_listener, server, _client) = connected("127.0.0.1");
    let port = server.local_addr().unwrap().port();
    let mut ports: Vec<u16> = (1..=2_999).collect();
    ports.push(port);
    assert!(dump(&ports, Family::V4).iter().any(|message| message.key == key(&server)));
    ports.push(1);
    assert!(matches!(Netlink::open(&ports), Err(Error::Setting { .. })));
}

/// A netlink message with the sequence number 7.
fn frame(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + payload.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(7_u32.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// What comes of the datagrams of a dump: sockets shown, and how it ended.
fn read_dump(sequence: u32, datagrams: &[Vec<u8>]) -> (usize, Result<bool, Error>) {
    let mut answer = DumpAnswer { family: Family::V4, sequence, interrupted: false };
    let (mut shown, mut outcome) = (0, Ok(false));
    for datagram in datagrams {
        outcome = answer.read(datagram, &mut |_| shown += 1);
    }
    (shown, outcome)
}

#[test]
fn only_a_dump_read_to_its_end_without_interruption_is_complete() {
    let socket = |flags| frame(20, flags, &Raw::ipv4(1).bytes);
    let done = |flags, errno: i32| frame(3, flags, &errno.to_ne_bytes());
    let multi = 2;
    let interrupted = 2 | 0x10;

    let complete = [[socket(multi), socket(multi)].concat(), done(multi, 0)];
    assert!(matches!(read_dump(7, &complete), (2, Ok(true))));
    assert!(matches!(read_dump(7, &complete[..1]), (2, Ok(false))));
    assert!(matches!(read_dump(8, &complete), (0, Ok(false))), "another request's answer");
    let broken = [socket(interrupted), socket(multi), done(multi, 0)];
    assert!(matches!(read_dump(7, &broken), (2, Err(Error::DumpInterrupted { .. }))));
    let ended = [socket(multi), done(interrupted, 0)];
    assert!(matches!(read_dump(7, &ended), (1, Err(Error::DumpInterrupted { .. }))));
    let out_of_memory = [socket(multi), done(multi, -12)];
    assert!(matches!(read_dump(7, &out_of_memory), (1, Err(Error::Dump { .. }))));
    let refused = [frame(2, 0, &(-22_i32).to_ne_bytes())];
    assert!(matches!(read_dump(7, &refused), (0, Err(Error::Dump { .. }))));
    let garbage = [vec![1; 20]];
    assert!(matches!(read_dump(7, &garbage), (0, Err(Error::Malformed(_)))));
}

#[test]
fn frames_of_a_datagram() {
    let bytes = [
        frame(20, 2, b"socket"),
        frame(20, 0x12, b""),
        frame(2, 0, &(-2_i32).to_ne_bytes()),
        frame(3, 2, &0_i32.to_ne_bytes()),
        frame(4, 0, &[]),
    ]
    .concat();
    let frames: Vec<_> = Datagram::new(&bytes).map(Result::unwrap).collect();
    assert!(frames.iter().all(|frame| frame.sequence == 7));
    assert_eq!(
        frames.iter().map(|frame| frame.kind).collect::<Vec<_>>(),
        [
            FrameKind::Socket(b"socket"),
            FrameKind::Socket(b""),
            FrameKind::Error(2),
            FrameKind::Done(0),
            FrameKind::Other(4)
        ]
    );
    let interrupted: Vec<_> = frames.iter().map(|frame| frame.interrupted).collect();
    assert_eq!(interrupted, [false, true, false, false, false]);
}

#[test]
fn lost_events_are_told_and_those_queued_are_still_read() {
    const FLOWS: usize = 100;
    let listen = |buffer_bytes, tell: Box<dyn FnMut(Notice) -> bool + Send>| {
        EventListener::start(buffer_bytes, Arc::new(Counters::default()), tell).unwrap()
    };
    let (listener, server, client) = connected("127.0.0.1");
    let address = listener.local_addr().unwrap();
    let mut pairs = vec![(server, client)];
    for _ in 1..FLOWS {
        let client = TcpStream::connect(address).unwrap();
        pairs.push((listener.accept().unwrap().0, client));
    }
    // Stuck on its first notice, with room for two events in the kernel.
    let (open_gate, gate) = channel::<()>();
    let (told, heard) = channel();
    let stuck = listen(
        1,
        Box::new(move |notice| {
            let _ = gate.recv();
            told.send(matches!(notice, Notice::Lost)).is_ok()
        }),
    );
    // Reads all, so that the test knows when the kernel has sent them.
    let (told, all) = channel();
    let witness = listen(
        4 << 20,
        Box::new(move |notice| {
            let ours = matches!(notice, Notice::Destroyed(message, _)
                if message.key.local.port() == address.port());
            !ours || told.send(()).is_ok()
        }),
    );
    drop(pairs);
    for _ in 0..FLOWS {
        all.recv_timeout(Duration::from_secs(20)).expect("the kernel sent an event per flow");
    }
    drop(open_gate);
    witness.stop().unwrap();
    stuck.stop().unwrap();
    let heard: Vec<bool> = heard.try_iter().collect();
    assert!(heard.contains(&true), "the loss was told");
    assert!(heard.contains(&false) && heard.len() < FLOWS, "{} notices", heard.len());
}
