//! Every topology, over both families: 512 flows show the plan.

use trigpoint_prober::{Method, Prober, Settings, Target};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};

use crate::enumerate::{Enumerated, FLOWS};

/// Builds a network, and compares what 512 flows of UDP see with its plan.
fn shows_its_plan(topology: Topology, behaviour: Behaviour) {
    let network = Routers::new(topology, behaviour);
    let families = [
        (Routers::v4(Node::Target), network.plan_v4()),
        (Routers::v6(Node::Target), network.plan_v6()),
    ];
    for (address, plan) in families {
        let seen = network.source().within(|| {
            let mut prober = Prober::new(Settings::default()).unwrap();
            let target = Target { address, method: Method::UDP };
            Enumerated::new(&mut prober, target, FLOWS, plan.length())
        });
        assert_eq!(seen.lost, 0);
        assert_eq!(seen.graph(address), plan);
        println!("{address}: {} vertices, {} edges", plan.vertices.len(), plan.edges.len());
    }
}

#[test]
fn one_two_one() {
    inside("topologies::one_two_one", || {
        shows_its_plan(Topology::hops(&[1, 2, 1]), Behaviour::default());
    });
}
