//! Every topology, over both families: 512 flows show the plan.

use std::collections::BTreeSet;
use std::net::IpAddr;

use trigpoint_prober::{Method, Prober, Rtt, Settings, Target};
use trigpoint_testkit::lab::{Balancing, Behaviour, Node, Plan, Routers, Topology, inside};

use crate::enumerate::{Enumerated, FLOWS};

/// What 512 flows of UDP see of a network over one family, which has `plan`.
fn enumerate(network: &Routers, address: IpAddr, plan: &Plan) -> Enumerated {
    let seen = network.source().within(|| {
        let mut prober = Prober::new(Settings::default()).unwrap();
        let target = Target { address, method: Method::UDP };
        Enumerated::new(&mut prober, target, FLOWS, plan.length())
    });
    assert_eq!(seen.lost, 0);
    seen
}

/// Both families' targets and plans.
fn families(network: &Routers) -> [(IpAddr, Plan); 2] {
    [(Routers::v4(Node::Target), network.plan_v4()), (Routers::v6(Node::Target), network.plan_v6())]
}

/// Builds a network, and compares what is seen of it with its plan.
fn shows_its_plan(topology: Topology, behaviour: Behaviour) {
    let network = Routers::new(topology, behaviour);
    for (address, plan) in families(&network) {
        let seen = enumerate(&network, address, &plan);
        assert_eq!(seen.graph(address), plan);
        let probes = seen.replies.len();
        let measured = seen.replies.values().filter(|reply| is_measured(reply.timing.rtt)).count();
        // The machine's clock may be disciplined, and is not set, while a test runs.
        assert_eq!(measured, probes, "answers without a round trip");
        let (vertices, edges) = (plan.vertices.len(), plan.edges.len());
        println!("{address}: {vertices} vertices, {edges} edges by {probes} probes");
    }
}

fn is_measured(rtt: Rtt) -> bool {
    rtt.measured().is_some()
}

#[test]
fn one_two_one() {
    inside("topologies::one_two_one", || {
        shows_its_plan(Topology::hops(&[1, 2, 1]), Behaviour::default());
    });
}

#[test]
fn one_four_one() {
    inside("topologies::one_four_one", || {
        shows_its_plan(Topology::hops(&[1, 4, 1]), Behaviour::default());
    });
}

#[test]
fn one_four_four_one() {
    inside("topologies::one_four_four_one", || {
        shows_its_plan(Topology::hops(&[1, 4, 4, 1]), Behaviour::default());
    });
}

#[test]
fn one_four_four_one_meshed() {
    inside("topologies::one_four_four_one_meshed", || {
        shows_its_plan(Topology::meshed(&[1, 4, 4, 1]), Behaviour::default());
    });
}

#[test]
fn one_sixteen_one() {
    inside("topologies::one_sixteen_one", || {
        shows_its_plan(Topology::hops(&[1, 16, 1]), Behaviour::default());
    });
}

#[test]
fn one_two_four_two_one() {
    inside("topologies::one_two_four_two_one", || {
        shows_its_plan(Topology::hops(&[1, 2, 4, 2, 1]), Behaviour::default());
    });
}

#[test]
fn unequal_branches() {
    inside("topologies::unequal_branches", || {
        shows_its_plan(Topology::unequal(), Behaviour::default());
    });
}

/// A flow has one flow label for all its probes, and each flow another.
#[test]
fn balancing_by_the_ipv6_flow_label() {
    inside("topologies::balancing_by_the_ipv6_flow_label", || {
        let behaviour = Behaviour { balancing: Balancing::FlowLabel, ..Behaviour::default() };
        shows_its_plan(Topology::hops(&[1, 4, 4, 1]), behaviour);
    });
}

/// Routers that hash with the same seed choose alike: the second balancer gets only
/// flows that it all sends one way, and no traceroute sees the others.
#[test]
fn equal_seeds_polarise() {
    inside("topologies::equal_seeds_polarise", || {
        let behaviour = Behaviour { equal_seeds: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 2, 4, 2, 1]), behaviour);
        for (address, plan) in families(&network) {
            let graph = enumerate(&network, address, &plan).graph(address);
            let width = |hop| graph.vertices.iter().filter(|(at, _)| *at == hop).count();
            assert_eq!((width(2), width(3), width(4)), (2, 2, 2));
            assert!(graph.vertices.is_subset(&plan.vertices));
            assert!(graph.edges.is_subset(&plan.edges));
        }
    });
}

/// Packet by packet, a flow has no path: one flow's probes see every router of the hop.
#[test]
fn per_packet_balancing() {
    inside("topologies::per_packet_balancing", || {
        let behaviour = Behaviour { balancing: Balancing::PerPacket, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 4, 1]), behaviour);
        for (address, plan) in families(&network) {
            let graph = enumerate(&network, address, &plan).graph(address);
            assert_eq!(graph.vertices, plan.vertices);
            let one_flow = network.source().within(|| {
                let mut prober = Prober::new(Settings::default()).unwrap();
                let target = Target { address, method: Method::UDP };
                crate::enumerate::responders(&mut prober, target, 2, 8)
            });
            let hop: BTreeSet<IpAddr> =
                plan.vertices.iter().filter(|(hop, _)| *hop == 2).map(|(_, at)| *at).collect();
            assert_eq!(one_flow.into_iter().collect::<BTreeSet<_>>(), hop);
        }
    });
}

/// With Linux's own limits a router answers a few probes of a burst, and then one a second.
#[test]
fn limits_of_icmp_are_on_when_asked_for() {
    inside("topologies::limits_of_icmp_are_on_when_asked_for", || {
        let behaviour = Behaviour { icmp_limits: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 2, 1]), behaviour);
        let address = Routers::v4(Node::Target);
        let seen = network.source().within(|| {
            let timeout = std::time::Duration::from_millis(500);
            let mut prober = Prober::new(Settings { timeout, ..Settings::default() }).unwrap();
            let target = Target { address, method: Method::UDP };
            Enumerated::new(&mut prober, target, 60, 1)
        });
        println!("{} of 60 answered", seen.replies.len());
        assert!((1..30).contains(&seen.replies.len()), "{} answered", seen.replies.len());
        assert_eq!(seen.replies.len() + seen.lost, 60);
    });
}
