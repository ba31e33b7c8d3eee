//! A network that carries probes, and the loop between it and a trace.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use trigpoint_multipath::{
    Next, Path, Probe, ProbeId, Reply, ReplyKind, Settings, StopReason, Trace,
};

use crate::topology::{Topology, Truth};

/// When a run begins: not 0, so that a time that is not relative to it shows.
pub(crate) const START: Duration = Duration::from_secs(1000);

/// Links that a packet can pass.
const HOP_LIMIT: usize = 64;

/// A network: a topology, and what goes wrong in it.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) topology: Arc<Topology>,
    pub(crate) seed: u64,
    /// Share of probes, or of their answers, that are lost on each link.
    pub(crate) loss: f64,
    /// From this time on, the topology is another one.
    change: Option<(Duration, Arc<Topology>)>,
    /// One way over one link.
    pub(crate) link_delay: Duration,
    buckets: Vec<(f64, Duration)>,
    packets: u64,
}

impl Network {
    pub(crate) fn new(topology: &Arc<Topology>, seed: u64) -> Self {
        let buckets = vec![(f64::INFINITY, Duration::ZERO); topology.routers.len()];
        let link_delay = Duration::from_micros(500);
        let topology = Arc::clone(topology);
        Self { topology, seed, loss: 0.0, change: None, link_delay, buckets, packets: 0 }
    }

    /// The same, with another topology from this time on.
    pub(crate) fn changing(mut self, time: Duration, topology: &Arc<Topology>) -> Self {
        self.change = Some((time, Arc::clone(topology)));
        self
    }

    /// The answer to a probe, and when it arrives; none if it is lost.
    pub(crate) fn carry(&mut self, probe: Probe, now: Duration) -> Option<(Duration, Reply)> {
        if let Some((_, topology)) = self.change.take_if(|(time, _)| now >= *time) {
            self.buckets.resize(topology.routers.len(), (f64::INFINITY, Duration::ZERO));
            self.topology = topology;
        }
        self.packets += 1;
        let destination = self.topology.destination();
        let (mut router, mut links) = (0, 0);
        let mut kind = ReplyKind::TimeExceeded;
        loop {
            let here = &self.topology.routers[router];
            if router == destination {
                kind = ReplyKind::Destination;
                break;
            }
            if links >= usize::from(probe.ttl) && !here.forwards_the_dead {
                break;
            }
            if let (Some(code), true) = (here.refuses_with, links > 0) {
                kind = ReplyKind::Unreachable(code);
                break;
            }
            if links == HOP_LIMIT {
                return None;
            }
            let packet = if here.is_per_packet { self.packets } else { 0 };
            let choice = mix(&[self.seed, router as u64, u64::from(probe.flow.0), packet]);
            router = here.successors[(choice % here.successors.len() as u64) as usize];
            links += 1;
        }
        for link in 0..2 * links as u64 {
            let draw = mix(&[self.seed, 0xdead, self.packets, link]);
            if (draw as f64) < self.loss * u64::MAX as f64 {
                return None;
            }
        }
        if self.topology.routers[router].is_silent || !self.has_token(router, now) {
            return None;
        }
        let here = &self.topology.routers[router];
        let reply = Reply { from: here.address, kind, labels: here.labels.clone() };
        Some((now + self.link_delay * 2 * links as u32, reply))
    }

    fn has_token(&mut self, router: usize, now: Duration) -> bool {
        let Some((size, per_second)) = self.topology.routers[router].limit else { return true };
        let (tokens, filled) = &mut self.buckets[router];
        let earned = now.saturating_sub(*filled).as_secs_f64() * per_second;
        *tokens = (*tokens + earned).min(f64::from(size));
        *filled = now;
        let has = *tokens >= 1.0;
        if has {
            *tokens -= 1.0;
        }
        has
    }
}

/// `splitmix64` over several words.
pub(crate) fn mix(words: &[u64]) -> u64 {
    words.iter().fold(0x9e37_79b9_7f4a_7c15, |state: u64, word| {
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A trace in a network, with the answers that are on their way.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) trace: Trace,
    pub(crate) network: Network,
    pub(crate) now: Duration,
    /// How often each probe cannot be sent.
    pub(crate) refusals: usize,
    answers: BinaryHeap<Reverse<(Duration, u16)>>,
    replies: BTreeMap<u16, Reply>,
}

impl Run {
    pub(crate) fn new(settings: Settings, network: Network) -> Self {
        let trace = Trace::new(settings, START);
        let (answers, replies) = (BinaryHeap::new(), BTreeMap::new());
        Self { trace, network, now: START, refusals: 0, answers, replies }
    }

    /// Does what is to be done now and moves on to the next moment at which
    /// something happens; the reason if the trace is over.
    pub(crate) fn step(&mut self) -> Option<StopReason> {
        loop {
            match self.trace.next(self.now) {
                Next::Send(probe) => {
                    for _ in 0..self.refusals {
                        self.trace.withdraw();
                        assert_eq!(self.trace.next(self.now), Next::Send(probe));
                    }
                    if let Some((arrival, reply)) = self.network.carry(probe, self.now) {
                        self.answers.push(Reverse((arrival, probe.id.0)));
                        self.replies.insert(probe.id.0, reply);
                    }
                }
                Next::Wait { until } => {
                    assert!(until > self.now, "waits for {until:?} at {:?}", self.now);
                    self.pass(until);
                    return None;
                }
                Next::Done(reason) => return Some(reason),
            }
        }
    }

    fn pass(&mut self, until: Duration) {
        let arrival = self.answers.peek().map(|Reverse((arrival, _))| *arrival);
        self.now = arrival.map_or(until, |arrival| arrival.min(until));
        while let Some(Reverse((arrival, id))) = self.answers.peek().copied()
            && arrival <= self.now
        {
            self.answers.pop();
            if let Some(reply) = self.replies.remove(&id) {
                self.trace.on_reply(ProbeId(id), &reply, self.now);
            }
        }
        self.trace.on_timeout(self.now);
    }

    pub(crate) fn finish(mut self) -> Path {
        while self.step().is_none() {}
        self.trace.path()
    }
}

/// Traces through a network.
pub(crate) fn trace(settings: Settings, network: Network) -> Path {
    Run::new(settings, network).finish()
}

/// What a trace found, in the terms of the truth (without its count).
pub(crate) fn found(path: &Path) -> Truth {
    let mut truth = Truth::default();
    for hop in &path.hops {
        let addresses = hop.vertices.iter().filter_map(|vertex| vertex.address);
        truth.vertices.extend(addresses.map(|address| (hop.ttl, address)));
    }
    let address = |ttl: u8, index: usize| path.hops[usize::from(ttl) - 1].vertices[index].address;
    for edge in &path.edges {
        let from = if edge.ttl == 0 { None } else { address(edge.ttl, edge.from) };
        if let Some(to) = address(edge.ttl + 1, edge.to) {
            truth.edges.insert((edge.ttl, from, to));
        }
    }
    truth
}
