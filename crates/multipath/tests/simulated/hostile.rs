//! Whatever answers come, a trace ends, within its budgets, and says something.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;
use trigpoint_multipath::{Next, ProbeId, Reply, ReplyKind, Settings, Strategy, Trace};

use crate::network::mix;

#[derive(Debug, Clone)]
struct World {
    seed: u64,
    strategy: Strategy,
    /// Of a hundred probes.
    lost: u64,
    late: u64,
    ending: u64,
    repeated: u64,
    /// Addresses at each hop; 0 for another one each time.
    addresses: u64,
    gap_limit: u8,
    max_probes: u16,
}

fn worlds() -> impl Generator<Value = World> {
    let strategies =
        prop_oneof![Just(Strategy::SinglePath), Just(Strategy::Mda), Just(Strategy::MdaLite)];
    let shares = (0..100_u64, 0..30_u64, 0..40_u64, 0..30_u64);
    (any::<u64>(), strategies, shares, 0..9_u64, 1..5_u8, 1..700_u16).prop_map(
        |(seed, strategy, (lost, late, ending, repeated), addresses, gap_limit, max_probes)| {
            World { seed, strategy, lost, late, ending, repeated, addresses, gap_limit, max_probes }
        },
    )
}

impl World {
    /// The n-th answer to a probe: when, and what.
    fn answer(&self, id: ProbeId, ttl: u8, n: u64) -> Option<(Duration, Reply)> {
        let draw = |what: u64| mix(&[self.seed, u64::from(id.0), n, what]);
        let happens = |what: u64, share: u64| draw(what) % 100 < share;
        if happens(0, self.lost) {
            return None;
        }
        let from = match self.addresses {
            0 => draw(1) as u32,
            addresses => u32::from(ttl) * 256 + (draw(1) % addresses) as u32,
        };
        let kind = match draw(2) % 3 {
            _ if !happens(3, self.ending) => ReplyKind::TimeExceeded,
            0 => ReplyKind::Destination,
            1 => ReplyKind::Unreachable(draw(4) as u8),
            _ => ReplyKind::TimeExceeded,
        };
        let delay = if happens(5, self.late) { 3000 } else { 200 };
        let after = Duration::from_millis(draw(6) % delay);
        Some((after, Reply { from: IpAddr::from(from.to_be_bytes()), kind, labels: Vec::new() }))
    }

    fn run(&self) -> Result<(), TestCaseError> {
        let settings = Settings {
            strategy: self.strategy,
            gap_limit: self.gap_limit,
            max_probes: self.max_probes,
            ..Settings::default()
        };
        let mut now = Duration::ZERO;
        let mut trace = Trace::new(settings.clone(), now);
        let mut answers: Vec<(Duration, ProbeId, Reply)> = Vec::new();
        let mut open: BTreeMap<ProbeId, Duration> = BTreeMap::new();
        let mut sent = 0;
        loop {
            match trace.next(now) {
                Next::Send(probe) => {
                    prop_assert_eq!(usize::from(probe.id.0), sent);
                    prop_assert!((1..=settings.max_ttl).contains(&probe.ttl));
                    open.insert(probe.id, now);
                    sent += 1;
                    let times = 1 + u64::from(mix(&[self.seed, sent as u64]) % 100 < self.repeated);
                    for n in 0..times {
                        if let Some((after, reply)) = self.answer(probe.id, probe.ttl, n) {
                            answers.push((now + after, probe.id, reply));
                        }
                    }
                }
                Next::Wait { until } => {
                    prop_assert!(until > now);
                    // The slowest rate is one probe in 1.024 s.
                    let slowest = Duration::from_millis(1_100);
                    let is_awaiting =
                        open.values().any(|&sent| now < sent + settings.reply_timeout);
                    prop_assert!(is_awaiting || until < now + slowest, "waits for nothing");
                    now = answers.iter().map(|answer| answer.0).fold(until, Duration::min);
                    let (due, later) = answers.into_iter().partition(|answer| answer.0 <= now);
                    answers = later;
                    let due: Vec<(Duration, ProbeId, Reply)> = due;
                    for (_, id, reply) in due {
                        open.remove(&id);
                        trace.on_reply(id, &reply, now);
                    }
                    trace.on_timeout(now);
                }
                Next::Done(reason) => {
                    prop_assert_eq!(trace.path().stop, Some(reason));
                    break;
                }
            }
        }
        prop_assert!(sent <= usize::from(self.max_probes));
        prop_assert!(now <= settings.max_duration + settings.reply_timeout);
        let path = trace.path();
        prop_assert_eq!(path.probes.len(), sent);
        prop_assert!((0.0..=1.0).contains(&path.confidence));
        for edge in &path.edges {
            let next = &path.hops[usize::from(edge.ttl)].vertices;
            prop_assert!(edge.to < next.len());
            prop_assert!(edge.ttl > 0 || edge.from == 0);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_trace_ends(world in worlds()) {
        world.run()?;
    }
}
