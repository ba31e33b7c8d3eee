//! Answers that are forged, repeated, empty, or far too many.

use std::time::{Duration, Instant};

use trigpoint_prober::packet::ones_complement_sum;
use trigpoint_prober::{Counters, Event, Family, Kind, Match, Method, Probe, Prober, Reply};
use trigpoint_prober::{Settings, Target, TraceId, Transport as _};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};

use crate::enumerate::{events, replies};
use crate::icmp::{Arrived, Forger, SilentTarget, address};

/// A network of one router, a target that answers nothing by itself, and a trace to it.
struct Stage {
    prober: Prober,
    trace: TraceId,
    target: SilentTarget,
    forger: Forger,
    family: Family,
}

/// Runs `scene` on such a stage, over each family.
fn on_stage(test: &str, raw: bool, scene: impl Fn(&mut Stage) + Sync) {
    inside(test, || {
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        for family in [Family::V4, Family::V6] {
            let target = SilentTarget::new(&network, family);
            let forger = Forger::new(&network, family);
            network.source().within(|| {
                let timeout = Duration::from_secs(30);
                let settings = Settings { timeout, raw, ..Settings::default() };
                let mut prober = Prober::new(settings).unwrap();
                let method = Method::Udp { port: SilentTarget::PORT };
                let address = address(Node::Target, family);
                let trace = prober.open(Target { address, method }).unwrap();
                scene(&mut Stage { prober, trace, target, forger, family });
            });
        }
    });
}

impl Stage {
    /// Sends a probe that reaches the target.
    fn send(&mut self, flow: u16, id: u32) -> Arrived {
        self.prober.send(self.trace, Probe { ttl: 9, flow, id }).unwrap();
        self.target.take()
    }

    /// The next answer.
    fn reply(&mut self) -> Reply {
        replies(events(&mut self.prober, 1)).remove(0)
    }

    /// Waits until `condition` holds; no event may come.
    fn until(&mut self, condition: impl Fn(&Counters) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut events: Vec<Event> = Vec::new();
        while !condition(&self.prober.counters()) {
            assert!(Instant::now() < deadline, "{:?}", self.prober.counters());
            self.prober.wait(deadline, &mut events).unwrap();
            assert_eq!(events, []);
        }
    }
}

fn forged(payload: &[u8]) -> Vec<u8> {
    let mut forged = payload.to_vec();
    forged[7] ^= 1;
    forged
}

fn a_wrong_nonce(stage: &mut Stage) {
    let probe = stage.send(0, 1);
    let port = probe.source.port();
    for _ in 0..5 {
        stage.forger.time_exceeded(port, &forged(&probe.payload));
    }
    stage.until(|counters| counters.ignored.wrong_nonce == 5);
    // The true answer is still taken, once.
    stage.forger.time_exceeded(port, &probe.payload);
    let reply = stage.reply();
    assert_eq!((reply.probe.id, reply.matched), (1, Match::Nonce));
    assert_eq!(reply.responder, address(Node::Router(0), stage.family));
    assert_eq!(reply.kind, Kind::TimeExceeded);
    stage.forger.time_exceeded(port, &probe.payload);
    stage.until(|counters| counters.ignored.duplicate == 1);
    assert_eq!(stage.prober.counters().replies, 1);
}

#[test]
fn a_wrong_nonce_is_ignored_and_a_replay_is_too() {
    on_stage("forged::a_wrong_nonce_is_ignored_and_a_replay_is_too", false, a_wrong_nonce);
}

#[test]
fn the_same_by_raw_sockets() {
    on_stage("forged::the_same_by_raw_sockets", true, |stage| {
        a_wrong_nonce(stage);
        // About a port that is none of ours: the kernel keeps that from an error queue.
        stage.forger.time_exceeded(1, &[0; 24]);
        stage.until(|counters| counters.ignored.foreign == 1);
    });
}

#[test]
fn an_empty_quote_is_taken_while_one_probe_waits() {
    on_stage("forged::an_empty_quote_is_taken_while_one_probe_waits", false, |stage| {
        let first = stage.send(0, 1);
        let port = first.source.port();
        stage.send(0, 2);
        // Another flow's probe is no matter.
        stage.send(1, 3);
        stage.forger.time_exceeded(port, &[]);
        stage.until(|counters| counters.ignored.ambiguous == 1);
        stage.forger.time_exceeded(port, &first.payload);
        assert_eq!(stage.reply().probe.id, 1);
        stage.forger.time_exceeded(port, &[]);
        let reply = stage.reply();
        assert_eq!((reply.probe.id, reply.matched), (2, Match::PortOnly));
        stage.forger.time_exceeded(port, &[]);
        stage.until(|counters| counters.ignored.ambiguous == 2);
    });
}

/// An extension with two labels (RFC 4950).
fn labels_of_mpls(stage: &mut Stage) {
    let mut extension = vec![0x20, 0, 0, 0, 0, 12, 1, 1];
    extension.extend((100_u32 << 12 | 0x01).to_be_bytes());
    extension.extend((200_000_u32 << 12 | 0x1fe).to_be_bytes());
    let checksum = !ones_complement_sum(&extension);
    extension[2..4].copy_from_slice(&checksum.to_be_bytes());
    let probe = stage.send(0, 1);
    stage.forger.time_exceeded_with(probe.source.port(), &probe.payload, &extension);
    let reply = stage.reply();
    let labels: Vec<(u32, bool, u8)> =
        reply.mpls.iter().map(|it| (it.label, it.is_bottom, it.ttl)).collect();
    assert_eq!(labels, [(100, false, 1), (200_000, true, 254)]);
}

#[test]
fn mpls_labels_come_by_the_error_queue() {
    on_stage("forged::mpls_labels_come_by_the_error_queue", false, labels_of_mpls);
}

#[test]
fn mpls_labels_come_by_raw_sockets() {
    on_stage("forged::mpls_labels_come_by_raw_sockets", true, labels_of_mpls);
}

#[test]
fn a_service_at_the_target_answers_for_itself() {
    on_stage("forged::a_service_at_the_target_answers_for_itself", false, |stage| {
        let probe = stage.send(0, 1);
        stage.target.answer(&probe, &probe.payload);
        let reply = stage.reply();
        assert_eq!((reply.kind, reply.matched), (Kind::Destination, Match::Nonce));
        assert_eq!(reply.responder, address(Node::Target, stage.family));
        let probe = stage.send(0, 2);
        stage.target.answer(&probe, b"what do you want from me?");
        let reply = stage.reply();
        assert_eq!((reply.probe.id, reply.matched), (2, Match::PortOnly));
    });
}

/// The error of one probe fails the next send; that one leaves nonetheless.
#[test]
fn a_pending_error_repeats_the_send() {
    on_stage("forged::a_pending_error_repeats_the_send", false, |stage| {
        let probe = stage.send(0, 0);
        for id in 1..=20 {
            // It is queued at the source before this returns.
            stage.forger.time_exceeded(probe.source.port(), &forged(&probe.payload));
            stage.prober.send(stage.trace, Probe { ttl: 9, flow: 0, id }).unwrap();
        }
        for _ in 1..=20 {
            stage.target.take();
        }
        let counters = stage.prober.counters();
        println!("{} of 20 sends were repeated", counters.sends_repeated);
        assert!(counters.sends_repeated > 0);
        assert_eq!(counters.sent, 21);
    });
}

/// A flood to one flow fills that flow's queue and no more: it is counted, every wait
/// ends, and another flow's answer is taken.
#[test]
fn a_flood_is_bounded_and_counted() {
    const FLOOD: u64 = 100_000;
    on_stage("forged::a_flood_is_bounded_and_counted", false, |stage| {
        let flooded = stage.send(0, 1);
        let other = stage.send(1, 2);
        let port = flooded.source.port();
        for _ in 0..FLOOD {
            stage.forger.time_exceeded(port, &forged(&flooded.payload));
        }
        stage.forger.time_exceeded(other.source.port(), &other.payload);
        let reply = stage.reply();
        assert_eq!((reply.probe.id, reply.matched), (2, Match::Nonce));
        stage.until(|counters| counters.ignored.wrong_nonce > 0);
        let counters = stage.prober.counters();
        println!("{counters:?}");
        assert!(counters.queue_full > 0);
        assert!(counters.ignored.wrong_nonce < 1_000, "nobody reads while the flood comes");
        // The flow itself still works.
        let again = stage.send(0, 3);
        stage.forger.time_exceeded(port, &again.payload);
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut events = Vec::new();
        while events.is_empty() {
            stage.prober.wait(deadline, &mut events).unwrap();
            assert!(Instant::now() < deadline, "the flow is deaf after the flood");
        }
        assert_eq!(replies(events)[0].probe.id, 3);
    });
}

/// Raw sockets see everybody's messages; what finds no room in front of them is counted
/// too.
#[test]
fn a_flood_in_front_of_raw_sockets_is_bounded_and_counted() {
    const FLOOD: u64 = 20_000;
    on_stage("forged::a_flood_in_front_of_raw_sockets_is_bounded_and_counted", true, |stage| {
        let probe = stage.send(0, 1);
        let port = probe.source.port();
        for _ in 0..FLOOD {
            stage.forger.time_exceeded(port, &forged(&probe.payload));
        }
        stage.until(|counters| counters.dropped > 0 && counters.ignored.wrong_nonce > 0);
        // There is room for the true answer as soon as enough was read.
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut events = Vec::new();
        while events.is_empty() {
            assert!(Instant::now() < deadline, "deaf after the flood");
            stage.forger.time_exceeded(port, &probe.payload);
            stage.prober.wait(deadline, &mut events).unwrap();
        }
        assert_eq!(replies(events)[0].probe.id, 1);
        let counters = stage.prober.counters();
        println!("{counters:?}");
        assert!(counters.ignored.wrong_nonce < 5_000, "nobody reads while the flood comes");
    });
}
