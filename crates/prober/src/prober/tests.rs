//! What loopback shows; the suite `prober` has real routers.

use std::net::{Ipv4Addr, UdpSocket};

use super::*;
use crate::{Kind, Rtt};

const FAR: Duration = Duration::from_mins(1);

/// A prober, and a trace to a port on which `service` listens.
fn to(service: &UdpSocket, settings: Settings) -> (Prober, TraceId) {
    let mut prober = Prober::new(settings).unwrap();
    let address = service.local_addr().unwrap();
    let method = Method::Udp { port: address.port() };
    let trace = prober.open(Target { address: address.ip(), method }).unwrap();
    (prober, trace)
}

fn service() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn wait(prober: &mut Prober) -> Event {
    let mut events = Vec::new();
    while events.is_empty() {
        prober.wait(Instant::now() + FAR, &mut events).unwrap();
    }
    assert_eq!(events.len(), 1);
    events.remove(0)
}

#[test]
fn a_closed_port_answers_with_a_round_trip_by_the_kernel() {
    let service = service();
    let (mut prober, trace) = to(&service, Settings::default());
    drop(service);
    let probe = Probe { ttl: 5, flow: 3, id: 77 };
    let sent = prober.send(trace, probe).unwrap();
    assert_eq!(sent.source.ip(), Ipv4Addr::LOCALHOST);
    let Event::Reply(reply) = wait(&mut prober) else { panic!("lost") };
    assert_eq!((reply.trace, reply.probe), (trace, probe));
    assert_eq!(reply.kind, Kind::Unreachable { code: 3 });
    assert_eq!(reply.responder, Ipv4Addr::LOCALHOST);
    let Rtt::Kernel(rtt) = reply.timing.rtt else { panic!("{reply:?}") };
    assert!(rtt <= reply.timing.elapsed, "{reply:?}");
    assert!(reply.outer.ttl.is_some());
    assert_eq!(reply.quoted.ttl, None, "an error queue does not show it");
}

#[test]
fn a_probe_carries_the_contact_and_a_nonce_of_its_own() {
    let service = service();
    let contact = "https://example.net/probing".to_owned();
    let (mut prober, trace) = to(&service, Settings { contact, ..Settings::default() });
    let mut payloads = Vec::new();
    for id in 0..2 {
        prober.send(trace, Probe { ttl: 5, flow: 0, id }).unwrap();
        let mut payload = [0; 100];
        let (length, _) = service.recv_from(&mut payload).unwrap();
        assert!(String::from_utf8_lossy(&payload).contains("https://example.net/probing"));
        payloads.push(payload[..length].to_vec());
    }
    assert_ne!(payloads[0][..8], payloads[1][..8]);
    assert_eq!(payloads[0][10..], payloads[1][10..]);
}

#[test]
fn a_probe_that_nobody_answers_is_lost_once() {
    let service = service();
    let timeout = Duration::from_millis(20);
    let (mut prober, trace) = to(&service, Settings { timeout, ..Settings::default() });
    let probe = Probe { ttl: 5, flow: 0, id: 1 };
    prober.send(trace, probe).unwrap();
    assert_eq!(wait(&mut prober), Event::Lost { trace, probe });
    assert_eq!((prober.counters().lost, prober.counters().replies), (1, 0));
}

#[test]
fn a_closed_trace_says_nothing_more() {
    let service = service();
    let timeout = Duration::from_millis(20);
    let (mut prober, trace) = to(&service, Settings { timeout, ..Settings::default() });
    prober.send(trace, Probe { ttl: 5, flow: 0, id: 1 }).unwrap();
    prober.close(trace);
    let mut events = Vec::new();
    prober.wait(Instant::now() + timeout, &mut events).unwrap();
    prober.wait(Instant::now() + timeout, &mut events).unwrap();
    assert_eq!(events, []);
    let error = prober.send(trace, Probe { ttl: 5, flow: 0, id: 2 }).unwrap_err();
    assert!(matches!(error, SendError::NoTrace));
}

#[test]
fn a_wait_is_interrupted_from_another_thread() {
    let mut prober = Prober::new(Settings::default()).unwrap();
    let waker = prober.waker();
    let started = Instant::now();
    let thread = std::thread::spawn(move || waker.wake());
    prober.wait(started + FAR, &mut Vec::new()).unwrap();
    assert!(started.elapsed() < FAR);
    thread.join().unwrap();
}
