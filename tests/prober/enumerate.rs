//! Every hop of many flows: what a network really does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use trigpoint_prober::{Event, Probe, Prober, Reply, Target, TraceId, Transport as _};
use trigpoint_testkit::lab::Plan;

/// Flows that are enough to take every way of every topology here: of 16 ways, 512 miss
/// one in 10^13 runs.
pub(crate) const FLOWS: u16 = 512;

/// Flows under way together.
const AT_ONCE: usize = 32;

/// The answers of a network by flow and TTL.
#[derive(Debug, Default)]
pub(crate) struct Enumerated {
    pub(crate) replies: BTreeMap<(u16, u8), Reply>,
    pub(crate) lost: usize,
}

impl Enumerated {
    /// Sends every flow one probe with each TTL up to `length`.
    pub(crate) fn new(prober: &mut Prober, target: Target, flows: u16, length: u8) -> Self {
        let trace = prober.open(target).unwrap();
        let mut enumerated = Self::default();
        let numbers: Vec<u16> = (0..flows).collect();
        for some in numbers.chunks(AT_ONCE) {
            // One TTL after the other: a TCP flow has one probe at a time.
            for ttl in 1..=length {
                let probe = |flow: &u16| Probe { ttl, flow: *flow, id: u32::from(ttl) };
                let probes: Vec<Probe> = some.iter().map(probe).collect();
                enumerated.add(exchange(prober, trace, &probes));
            }
        }
        prober.close(trace);
        enumerated
    }

    fn add(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Reply(reply) => {
                    let place = (reply.probe.flow, reply.probe.ttl);
                    assert!(self.replies.insert(place, *reply).is_none(), "two events: {place:?}");
                }
                Event::Lost { .. } => self.lost += 1,
            }
        }
    }

    /// Who answered a flow at a TTL.
    pub(crate) fn responder(&self, flow: u16, ttl: u8) -> Option<IpAddr> {
        self.replies.get(&(flow, ttl)).map(|reply| reply.responder)
    }

    /// The graph, up to the target in each flow.
    pub(crate) fn graph(&self, target: IpAddr) -> Plan {
        let mut graph = Plan::default();
        for (flow, ttl) in self.replies.keys().copied() {
            let before = ttl.checked_sub(1).and_then(|ttl| self.responder(flow, ttl));
            if before == Some(target) {
                continue;
            }
            let Some(here) = self.responder(flow, ttl) else { continue };
            graph.vertices.insert((ttl, here));
            if let Some(before) = before {
                graph.edges.insert((ttl - 1, before, here));
            }
        }
        graph
    }
}

/// Sends probes and waits for an event of each.
pub(crate) fn exchange(prober: &mut Prober, trace: TraceId, probes: &[Probe]) -> Vec<Event> {
    for probe in probes {
        prober.send(trace, *probe).unwrap();
    }
    events(prober, probes.len())
}

/// Waits for so many events.
pub(crate) fn events(prober: &mut Prober, count: usize) -> Vec<Event> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut events = Vec::new();
    while events.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} events", events.len());
        prober.wait(deadline, &mut events).unwrap();
    }
    events
}

/// Who answers `count` probes of one flow with one TTL.
pub(crate) fn responders(prober: &mut Prober, target: Target, ttl: u8, count: u32) -> Vec<IpAddr> {
    let trace = prober.open(target).unwrap();
    let probes: Vec<Probe> = (0..count).map(|id| Probe { ttl, flow: 0, id }).collect();
    let events = exchange(prober, trace, &probes);
    prober.close(trace);
    replies(events).into_iter().map(|reply| reply.responder).collect()
}

/// The answers among events.
pub(crate) fn replies(events: Vec<Event>) -> Vec<Reply> {
    let reply = |event| match event {
        Event::Reply(reply) => Some(*reply),
        Event::Lost { .. } => None,
    };
    events.into_iter().filter_map(reply).collect()
}
