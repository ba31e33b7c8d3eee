//! Traces through simulated networks.
//!
//! | file | owns |
//! |---|---|
//! | `topology` | networks, from code and from files in Fakeroute's format |
//! | `network` | what happens to a probe, and the loop between network and trace |
//! | `thin` | first |
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "simulated/network.rs"]
mod network;
#[path = "simulated/topology.rs"]
mod topology;

use trigpoint_multipath::{FailureProbability, Settings, Strategy, StopReason};

#[test]
fn thin() {
    for strategy in [Strategy::SinglePath, Strategy::Mda, Strategy::MdaLite] {
        for widths in [&[1, 2, 1][..], &[1, 4, 1], &[1, 8, 1], &[1, 16, 1], &[1, 28, 1], &[1, 4, 4, 1], &[1, 8, 8, 1], &[1, 2, 4, 2, 1], &[1,1,1,4,1,1]] {
            let topology = topology::Topology::layers(widths);
            let settings = Settings { strategy, failure_probability: FailureProbability::PerVertex(0.05), ..Settings::default() };
            let (mut n, mut t, mut ok) = (0, 0, 0);
            for seed in 0..300 {
                let path = network::trace(settings.clone(), network::Network::new(topology.clone(), seed));
                assert_eq!(path.stop, Some(StopReason::Completed));
                n += path.probes.iter().filter(|p| p.purpose == trigpoint_multipath::Purpose::Discovery).count();
                t += path.probes.len();
                let truth = topology.truth();
                let found = network::found(&path);
                assert!(found.vertices.is_subset(&truth.vertices));
                assert!(found.edges.is_subset(&truth.edges), "{seed} {found:?} {truth:?}");
                ok += usize::from(found.vertices == truth.vertices && found.edges == truth.edges);
            }
            println!("{strategy:?} {widths:?} {} {} {ok}", n as f64 / 300.0, t as f64/300.0);
        }
    }
}
