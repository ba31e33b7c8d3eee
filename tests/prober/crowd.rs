//! Ten thousand flows at once.

use std::time::{Duration, Instant};

use trigpoint_prober::{Family, Match, raise_descriptor_limit};
use trigpoint_prober::{Method, Probe, Prober, Settings, Target, Transport as _};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};

use crate::enumerate::{events, replies};
use crate::icmp::SilentTarget;

const FLOWS: u16 = 10_000;

/// 10,000 probes that nobody answers, each of a flow of its own, and while they wait,
/// 10,000 more that a router answers.
#[test]
fn ten_thousand_probes_wait_together() {
    inside("crowd::ten_thousand_probes_wait_together", || {
        let limit = raise_descriptor_limit();
        assert!(limit.is_none_or(|limit| limit >= 20_000), "at most {limit:?} open files");
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        let _target = SilentTarget::new(&network, Family::V4);
        network.source().within(|| {
            let timeout = Duration::from_mins(1);
            let mut prober = Prober::new(Settings { timeout, ..Settings::default() }).unwrap();
            let method = Method::Udp { port: SilentTarget::PORT };
            let address = Routers::v4(Node::Target);
            let trace = prober.open(Target { address, method }).unwrap();
            let started = Instant::now();
            let mut answered = 0;
            for flow in 0..FLOWS {
                prober.send(trace, Probe { ttl: 9, flow, id: 0 }).unwrap();
            }
            assert_eq!(prober.flows(), usize::from(FLOWS));
            let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
            assert!(descriptors < 20_000, "{descriptors} descriptors");
            let flows: Vec<u16> = (0..FLOWS).collect();
            for some in flows.chunks(500) {
                for flow in some {
                    prober.send(trace, Probe { ttl: 1, flow: *flow, id: 1 }).unwrap();
                }
                for reply in replies(events(&mut prober, some.len())) {
                    assert_eq!((reply.probe.id, reply.matched), (1, Match::Nonce));
                    answered += 1;
                }
            }
            assert_eq!(answered, usize::from(FLOWS));
            println!("{descriptors} descriptors, {:?}", started.elapsed());
        });
    });
}
