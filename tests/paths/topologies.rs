//! Networks of every shape, over both families and by both algorithms.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use trigpoint_multipath::FailureProbability;
use trigpoint_prober::{Method, Prober, Settings, Target};
use trigpoint_testkit::lab::{
    Balancing, Behaviour, Plan, Routers, Topology, inside, inside_as_root,
};

use crate::binomial::most_failures;
use crate::enumerate::{Enumerated, FLOWS};
use crate::graph::graph;
use crate::promise::{exact, promised};
use crate::scamper::{Seen, scamper};
use crate::station::{Asked, trace};

/// Addresses that are traced side by side.
const AT_ONCE: u8 = 20;
/// Traces of each kind for the figures beside scamper's.
const FIGURES: u8 = 9;

/// One of the target's further addresses.
type Numbered = fn(u8) -> IpAddr;

const FAMILIES: [(&str, Numbered); 2] =
    [("IPv4", Routers::target_v4), ("IPv6", Routers::target_v6)];

/// How much is asked.
struct Form {
    /// Of each family, by each algorithm.
    runs: u8,
    failure_probability: f64,
    algorithms: &'static [&'static str],
}

impl Form {
    fn asked() -> Self {
        if crate::is_full() {
            Self { runs: 100, failure_probability: 0.05, algorithms: &["mda-lite", "mda"] }
        } else {
            Self { runs: 3, failure_probability: 1e-6, algorithms: &["mda-lite"] }
        }
    }
}

/// What 512 flows see of a network on the way to an address.
pub(crate) fn truth(network: &Routers, address: IpAddr) -> Plan {
    let length = network.plan_to(address).length();
    let seen = network.source().within(|| {
        let mut prober = Prober::new(Settings::default()).unwrap();
        Enumerated::new(&mut prober, Target { address, method: Method::UDP }, FLOWS, length)
    });
    assert_eq!(seen.lost, 0);
    seen.graph(address)
}

/// Builds a network, and holds traces through it to the promise.
fn keeps_the_promise(test: &str, name: &str, topology: Topology, behaviour: Behaviour) {
    if crate::is_full() {
        inside_as_root(test, || {
            let network = hold_all(name, topology, behaviour);
            compare(name, &network);
        });
    } else {
        inside(test, || {
            hold_all(name, topology, behaviour);
        });
    }
}

fn hold_all(name: &str, topology: Topology, behaviour: Behaviour) -> Routers {
    let form = Form::asked();
    let network = Routers::new(topology, behaviour);
    network.add_targets(form.runs);
    for (_, target) in FAMILIES {
        let plan = network.plan_to(target(1));
        assert_eq!(truth(&network, target(1)), plan, "the network is not what was planned");
    }
    for &algorithm in form.algorithms {
        let asked = Asked { algorithm, failure_probability: form.failure_probability };
        let mut rows = Vec::new();
        let numbers: Vec<u8> = (1..=form.runs).collect();
        for some in numbers.chunks(AT_ONCE.into()) {
            let targets = some.iter().flat_map(|number| FAMILIES.map(|(_, of)| of(*number)));
            rows.extend(trace(&network, asked, &targets.collect::<Vec<_>>()));
        }
        for (family, of) in FAMILIES {
            let of_family = |row: &&Value| target(row).is_ipv4() == of(1).is_ipv4();
            let rows: Vec<&Value> = rows.iter().filter(of_family).collect();
            hold(&format!("{name}, {family}"), &network, behaviour, asked, &rows);
        }
    }
    network
}

/// Prints what a trace by itself takes and finds, and what scamper does.
fn compare(name: &str, network: &Routers) {
    for (family, target) in FAMILIES {
        let targets: Vec<IpAddr> = (1..=FIGURES).map(target).collect();
        let line = |tool: &str, seen: &[Seen]| {
            let whole = seen.iter().filter(|seen| seen.graph == network.plan_to(seen.target));
            let all_vertices = seen
                .iter()
                .filter(|seen| seen.graph.vertices == network.plan_to(seen.target).vertices);
            println!(
                "| {name} | {family} | {tool} | {} of {FIGURES} | {} | {} | {:.2} |",
                whole.count(),
                all_vertices.count(),
                middle(seen.iter().map(|seen| seen.probes).collect()),
                middle(seen.iter().map(|seen| seen.elapsed).collect()).as_secs_f64()
            );
        };
        for &algorithm in Form::asked().algorithms {
            let asked = Asked { algorithm, failure_probability: 0.05 };
            let rows = targets.iter().flat_map(|target| trace(network, asked, &[*target]));
            let seen: Vec<Seen> = rows.map(|row| seen(&row)).collect();
            line(&format!("{algorithm}, 5 % of traces"), &seen);
        }
        for confidence in [95, 99] {
            let seen = scamper(network, confidence, &targets);
            line(&format!("scamper, {} % of vertices", 100 - confidence), &seen);
        }
    }
}

/// A row of ours in the same terms.
fn seen(row: &Value) -> Seen {
    Seen {
        target: target(row),
        graph: graph(row).unwrap_or_default(),
        probes: row["probe_count"].as_u64().unwrap(),
        elapsed: Duration::from_micros(row["elapsed_us"].as_u64().unwrap()),
    }
}

fn middle<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}

fn target(row: &Value) -> IpAddr {
    row["target_ip"].as_str().unwrap().parse().unwrap()
}

fn hold(name: &str, network: &Routers, behaviour: Behaviour, asked: Asked, rows: &[&Value]) {
    let runs = rows.len() as u64;
    let mut missed = 0;
    let mut plan = Plan::default();
    for row in rows {
        plan = network.plan_to(target(row));
        let found = graph(row);
        if row["stop_reason"] != "completed" || found.as_ref() != Some(&plan) {
            missed += 1;
            println!("{name}: {} {}: {}", row["outcome"], row["stop_reason"], apart(found, &plan));
        }
        let per_packet = row["hops"].as_array().unwrap().iter();
        let per_packet = per_packet.filter(|hop| hop["is_per_packet"] == true).count();
        assert_eq!(per_packet > 0, behaviour.balancing == Balancing::RandomPerPacket, "{name}");
    }
    let failure_probability = FailureProbability::PerTrace(asked.failure_probability);
    let most = most_failures(runs, promised(&plan, failure_probability));
    println!(
        "{name}, {}, {}: {} of {runs} whole, {:.2} expected, at least {} asked; \
         {} probes",
        asked.algorithm,
        asked.failure_probability,
        runs - missed,
        runs as f64 * (1.0 - exact(&plan, failure_probability)),
        runs - most,
        middle(rows.iter().map(|row| row["probe_count"].as_u64().unwrap()).collect()),
    );
    assert!(missed <= most, "{name}: {missed} of {runs} missed something");
    assert!(missed * 20 <= runs, "{name}: fewer than 95 of 100 are whole");
}

/// What a graph lacks, and what it has too much.
fn apart(found: Option<Plan>, plan: &Plan) -> String {
    let Some(found) = found else { return "something never answered".to_owned() };
    format!(
        "lacks {:?} and {:?}, has {:?} and {:?} too much",
        plan.vertices.difference(&found.vertices).collect::<Vec<_>>(),
        plan.edges.difference(&found.edges).collect::<Vec<_>>(),
        found.vertices.difference(&plan.vertices).collect::<Vec<_>>(),
        found.edges.difference(&plan.edges).collect::<Vec<_>>(),
    )
}

#[test]
fn one_two_one() {
    let behaviour = Behaviour::default();
    keeps_the_promise("topologies::one_two_one", "1-2-1", Topology::hops(&[1, 2, 1]), behaviour);
}

#[test]
fn one_four_one() {
    let behaviour = Behaviour::default();
    keeps_the_promise("topologies::one_four_one", "1-4-1", Topology::hops(&[1, 4, 1]), behaviour);
}

#[test]
fn one_four_four_one() {
    let behaviour = Behaviour::default();
    keeps_the_promise(
        "topologies::one_four_four_one",
        "1-4-4-1",
        Topology::hops(&[1, 4, 4, 1]),
        behaviour,
    );
}

#[test]
fn one_four_four_one_meshed() {
    let behaviour = Behaviour::default();
    keeps_the_promise(
        "topologies::one_four_four_one_meshed",
        "1-4-4-1 meshed",
        Topology::meshed(&[1, 4, 4, 1]),
        behaviour,
    );
}

#[test]
fn one_sixteen_one() {
    let behaviour = Behaviour::default();
    keeps_the_promise(
        "topologies::one_sixteen_one",
        "1-16-1",
        Topology::hops(&[1, 16, 1]),
        behaviour,
    );
}

#[test]
fn one_two_four_two_one() {
    let behaviour = Behaviour::default();
    keeps_the_promise(
        "topologies::one_two_four_two_one",
        "1-2-4-2-1",
        Topology::hops(&[1, 2, 4, 2, 1]),
        behaviour,
    );
}

#[test]
fn unequal_branches() {
    let behaviour = Behaviour::default();
    keeps_the_promise(
        "topologies::unequal_branches",
        "unequal branches",
        Topology::unequal(),
        behaviour,
    );
}

#[test]
fn per_packet() {
    let behaviour = Behaviour { balancing: Balancing::RandomPerPacket, ..Behaviour::default() };
    keeps_the_promise(
        "topologies::per_packet",
        "1-4-1 per packet",
        Topology::hops(&[1, 4, 1]),
        behaviour,
    );
}

#[test]
fn by_the_ipv6_flow_label() {
    let behaviour = Behaviour { balancing: Balancing::FlowLabel, ..Behaviour::default() };
    keeps_the_promise(
        "topologies::by_the_ipv6_flow_label",
        "1-4-4-1 by flow label",
        Topology::hops(&[1, 4, 4, 1]),
        behaviour,
    );
}

/// Routers that hash alike choose alike: half of the network has no traffic, and a trace
/// shows the other half.
#[test]
fn equal_seeds_show_the_polarised_graph() {
    inside("topologies::equal_seeds_show_the_polarised_graph", || {
        let behaviour = Behaviour { equal_seeds: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 2, 4, 2, 1]), behaviour);
        network.add_targets(1);
        let targets = [Routers::target_v4(1), Routers::target_v6(1)];
        let asked = Asked { algorithm: "mda-lite", failure_probability: 1e-6 };
        for row in trace(&network, asked, &targets) {
            let (polarised, plan) = (truth(&network, target(&row)), network.plan_to(target(&row)));
            assert_eq!((polarised.vertices.len(), plan.vertices.len()), (9, 11));
            assert!(polarised.edges.is_subset(&plan.edges));
            assert_eq!(graph(&row), Some(polarised));
        }
    });
}
