//! Against the kernel, on loopback; needs no privilege.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use rustix::net::sockopt::socket_cookie;
use trigpoint_tcpinfo::TcpInfo;

use super::*;
use crate::{Closed, FinalFrom, Flow, Polled};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
enum Seen {
    Opened(Flow),
    Snapshot(u64, Box<Polled>),
    Closed(Box<Closed>),
}

struct Channel(Sender<Seen>);

impl Recorder for Channel {
    fn opened(&mut self, flow: &Flow) {
        let _ = self.0.send(Seen::Opened(flow.clone()));
    }

    fn snapshot(&mut self, flow: &Flow, polled: &Polled) {
        let _ = self.0.send(Seen::Snapshot(flow.key.cookie, Box::new(polled.clone())));
    }

    fn closed(&mut self, closed: &Closed) {
        let _ = self.0.send(Seen::Closed(Box::new(closed.clone())));
    }
}

/// A sampler on one listener's connections.
struct Station {
    listener: TcpListener,
    sampler: Sampler,
    seen: Receiver<Seen>,
}

impl Station {
    fn start(address: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let local_ports = vec![listener.local_addr().unwrap().port()];
        let mut settings = Settings { local_ports, ..Settings::default() };
        change(&mut settings);
        let (sender, seen) = channel();
        let sampler = Sampler::start(settings, Box::new(Channel(sender))).unwrap();
        Self { listener, sampler, seen }
    }

    /// The server's and the client's end of a new connection.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let port = self.listener.local_addr().unwrap().port();
        let six = self.listener.local_addr().unwrap().ip().to_string() == "::1";
        let client = TcpStream::connect((if six { "::1" } else { "127.0.0.1" }, port)).unwrap();
        (self.listener.accept().unwrap().0, client)
    }

    fn wait<T>(&self, mut wanted: impl FnMut(Seen) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = self.seen.recv_timeout(left).expect("the sampler saw it in time");
            if let Some(found) = wanted(seen) {
                return found;
            }
        }
    }

    fn closed(&self, cookie: u64) -> Closed {
        self.wait(|seen| match seen {
            Seen::Closed(closed) if closed.flow.key.cookie == cookie => Some(*closed),
            _ => None,
        })
    }

    fn snapshot(&self, cookie: u64) -> Polled {
        self.wait(|seen| match seen {
            Seen::Snapshot(of, polled) if of == cookie => Some(*polled),
            _ => None,
        })
    }
}

fn key(socket: &TcpStream) -> SocketKey {
    let (local, remote) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
    SocketKey::new(local, remote, socket_cookie(socket).unwrap())
}

fn counters(info: Option<&TcpInfo>) -> (u64, u64) {
    let info = info.expect("final counters");
    (info.bytes_acked().unwrap(), info.bytes_received().unwrap())
}

/// Sends both ways; the order of closing is the caller's.
fn exchange(server: &mut TcpStream, client: &mut TcpStream, down: usize, up: usize) {
    let mut buffer = vec![0; down.max(up)];
    server.write_all(&vec![1; down]).unwrap();
    client.read_exact(&mut buffer[..down]).unwrap();
    client.write_all(&vec![1; up]).unwrap();
    server.read_exact(&mut buffer[..up]).unwrap();
}

/// The clean close: `shutdown(WR)`, read to EOF, `close()`.
fn close_cleanly(mut server: TcpStream, client: TcpStream) {
    server.shutdown(Shutdown::Write).unwrap();
    let mut client = client;
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    drop(client);
    assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn final_counters_are_the_application_bytes_and_the_fin() {
    for address in ["127.0.0.1", "::1", "::"] {
        let station = Station::start(address, |_| ());
        let (mut server, mut client) = station.connect();
        let key = key(&server);
        station.sampler.watch(key);
        exchange(&mut server, &mut client, 100_000, 7_000);
        let polled = station.snapshot(key.cookie);
        assert_eq!((polled.n, polled.message.key), (0, key), "{address}");
        close_cleanly(server, client);
        let closed = station.closed(key.cookie);
        assert_eq!(closed.final_from, FinalFrom::Destroy, "{address}");
        assert_eq!(counters(closed.final_counters.as_ref()), (100_001, 7_001), "{address}");
        let last = closed.last_polled.unwrap();
        let (acked, received) = counters(last.message.tcp_info.as_ref());
        assert!(acked <= 100_001 && received <= 7_001);
        assert!(last.message.congestion_algorithm.is_some());
        assert!(closed.rtt.is_some_and(|rtt| rtt.min_us > 0 && rtt.min_us <= rtt.max_us));
        station.sampler.stop().unwrap();
    }
}

#[test]
fn unwatched_flows_are_discovered_by_dump_and_others_left_alone() {
    let station = Station::start("::", |_| ());
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let other = TcpStream::connect(elsewhere.local_addr().unwrap()).unwrap();
    let (server, client) = station.connect();
    let opened = station.wait(|seen| match seen {
        Seen::Opened(flow) => Some(flow.key),
        _ => None,
    });
    assert_eq!(opened, key(&server));
    let first = station.snapshot(opened.cookie);
    assert_eq!((first.n, first.poll_no, first.missed_before), (0, 0, 0));
    drop((other, elsewhere));
    close_cleanly(server, client);
    assert_eq!(station.closed(opened.cookie).final_from, FinalFrom::Destroy);
    station.sampler.stop().unwrap();
    // Neither the client's end, nor the listener, nor the other connection.
    for seen in station.seen.try_iter() {
        assert!(matches!(seen, Seen::Snapshot(cookie, _) if cookie == opened.cookie), "{seen:?}");
    }
}

#[test]
fn polls_done_and_missed_fill_the_window() {
    let station = Station::start("127.0.0.1", |_| ());
    let (mut server, mut client) = station.connect();
    let key = key(&server);
    station.sampler.watch(key);
    let (mut rows, mut previous): (Vec<Polled>, Option<Polled>) = (Vec::new(), None);
    let end = Instant::now() + Duration::from_millis(600);
    while Instant::now() < end {
        exchange(&mut server, &mut client, 1_000, 1_000);
        rows.push(station.snapshot(key.cookie));
    }
    for row in &rows {
        if let Some(previous) = previous.replace(row.clone()) {
            assert_eq!(row.n, previous.n + 1);
            let between = 1 + row.unchanged_before + row.missed_before;
            assert_eq!(row.poll_no, previous.poll_no + between);
            assert!(row.elapsed_us > previous.elapsed_us);
        }
        assert!(row.request_time <= row.reply_time);
    }
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let periods = (last.request_time - first.request_time) as f64 / 10_000.0;
    let polls = (last.poll_no - first.poll_no) as f64;
    assert!((periods - polls).abs() <= 1.0, "{periods} periods, {polls} polls");
    drop((server, client));
    let closed = station.closed(key.cookie);
    assert!(closed.polls_done >= rows.len() as u64);
    assert!(closed.longest_gap_us.is_some_and(|gap| gap >= 9_000));
}

#[test]
fn a_flow_shorter_than_a_poll_is_recorded() {
    let station = Station::start("::", |settings| settings.other_period = Duration::from_secs(1));
    let (mut server, mut client) = station.connect();
    let key = key(&server);
    exchange(&mut server, &mut client, 3_000, 40);
    close_cleanly(server, client);
    let closed = station.closed(key.cookie);
    assert_eq!(closed.flow.key, key);
    assert_eq!(counters(closed.final_counters.as_ref()), (3_001, 41));
    assert_eq!(closed.final_from, FinalFrom::Destroy);
}

#[test]
fn a_flow_without_event_ends_once_with_its_last_poll() {
    let grace = Duration::from_millis(50);
    let station = Station::start("127.0.0.1", |settings| settings.grace = grace);
    let (mut server, mut client) = station.connect();
    let key = key(&server);
    station.sampler.watch(key);
    exchange(&mut server, &mut client, 5_000, 10);
    let acked = |polled: &Polled| counters(polled.message.tcp_info.as_ref()).0;
    while acked(&station.snapshot(key.cookie)) < 5_000 {}
    // Unread data turns the close into a reset: the server's socket leaves the
    // kernel's table, and its event comes only when the server lets go.
    server.write_all(b"never read").unwrap();
    drop(client);
    let closed = station.closed(key.cookie);
    assert_eq!(closed.final_from, FinalFrom::LastPoll);
    assert!(counters(closed.final_counters.as_ref()).0 >= 5_000);
    let ignored = station.sampler.counters().events_ignored.get();
    drop(server);
    let (second, second_client) = station.connect();
    let next = socket_cookie(&second).unwrap();
    drop((second, second_client));
    let again = station.wait(|seen| match seen {
        Seen::Closed(closed) => Some(closed.flow.key.cookie),
        _ => None,
    });
    assert_eq!(again, next, "the late event closes nothing a second time");
    assert!(station.sampler.counters().events_ignored.get() > ignored);
}

#[test]
fn each_of_many_flows_closing_at_once_ends_once_although_events_are_lost() {
    const FLOWS: usize = 300;
    // The kernel's smallest buffer: room for two events.
    let station = Station::start("127.0.0.1", |settings| {
        settings.event_buffer_bytes = 1;
        settings.grace = Duration::from_millis(200);
    });
    let counters = station.sampler.counters();
    let mut rounds = 0;
    // A listener that keeps up with one round does not with all of them.
    while counters.events_lost.get() == 0 {
        rounds += 1;
        assert!(rounds <= 50, "the buffer was too large to lose events");
        let pairs: Vec<_> = (0..FLOWS).map(|_| station.connect()).collect();
        let mut open: std::collections::HashSet<u64> =
            pairs.iter().map(|(server, _)| socket_cookie(server).unwrap()).collect();
        let mut polled = std::collections::HashSet::new();
        while polled.len() < FLOWS {
            polled.insert(station.wait(|seen| match seen {
                Seen::Snapshot(cookie, _) => Some(cookie),
                _ => None,
            }));
        }
        drop(pairs);
        while !open.is_empty() {
            let closed = station.wait(|seen| match seen {
                Seen::Closed(closed) => Some(closed),
                _ => None,
            });
            assert!(open.remove(&closed.flow.key.cookie), "closed twice");
            assert_ne!(closed.final_from, FinalFrom::None);
        }
    }
    station.sampler.stop().unwrap();
    assert_eq!(counters.flows_closed.get(), (rounds * FLOWS) as u64);
}

#[test]
fn a_listener_that_goes_is_no_flow() {
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = other.local_addr().unwrap().port();
    let station = Station::start("127.0.0.1", |settings| settings.local_ports.push(port));
    drop(other);
    let deadline = Instant::now() + PATIENCE;
    while station.sampler.counters().events_ignored.get() == 0 {
        assert!(Instant::now() < deadline, "the listener's event never came");
        let seen = station.seen.recv_timeout(Duration::from_millis(5));
        assert!(seen.is_err(), "{seen:?}");
    }
    station.sampler.stop().unwrap();
    assert_eq!(station.seen.try_iter().count(), 0);
}

#[test]
fn stopping_ends_live_flows_with_their_last_poll() {
    let station = Station::start("127.0.0.1", |_| ());
    let (server, _client) = station.connect();
    let cookie = socket_cookie(&server).unwrap();
    station.snapshot(cookie);
    station.sampler.stop().unwrap();
    let closed = station.seen.try_iter().find_map(|seen| match seen {
        Seen::Closed(closed) => Some(closed),
        _ => None,
    });
    assert_eq!(closed.map(|closed| closed.final_from), Some(FinalFrom::LastPoll));
}

#[test]
fn a_period_out_of_range_is_refused() {
    for millis in [0, 99, 105, 1_010] {
        let settings =
            Settings { other_period: Duration::from_millis(millis), ..Settings::default() };
        let outcome = Sampler::start(settings, Box::new(Channel(channel().0)));
        assert!(matches!(outcome, Err(Error::Setting { .. })), "{millis} ms");
    }
}
