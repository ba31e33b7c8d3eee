//! Many clients, each behind paths of its own: every test has them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;

use trigpoint_testkit::lab::{Behaviour, Namespace, Node, Plan, Routers, Topology, inside};
use trigpoint_testkit::{Directory, RawClient, eventually, opcode};

use super::{DEADLINE, station};
use crate::graph::graph;

const CLIENTS: u8 = 20;
const TESTS_OF_EACH: usize = 5;
/// Side by side behind the first router.
const BRANCHES: usize = 4;

#[test]
fn each_test_of_twenty_clients_joins_the_paths_to_its_client() {
    inside("crowd::each_test_of_twenty_clients_joins_the_paths_to_its_client", || {
        let network = Routers::new(Topology::hops(&[1, BRANCHES, 1]), Behaviour::default());
        let clients: Vec<_> = (1..=CLIENTS).map(|number| Client { number }).collect();
        for client in &clients {
            client.route(&network);
        }
        let directory = Directory::new();
        let station = station(&network, Routers::v4(Node::Source), &directory);
        for _ in 0..TESTS_OF_EACH {
            for client in &clients {
                client.test(&network, station.ws());
            }
        }

        let tests = clients.len() * TESTS_OF_EACH;
        let sql = "SELECT target_ip, outcome, stop_reason, cached, nodes, links \
                   FROM speed_tests JOIN traces USING (flow_id)";
        let rows = eventually(DEADLINE, "a trace for each test", || {
            Some(station.query(sql)).filter(|rows| rows.len() == tests)
        });
        for client in clients {
            let address = client.address().to_string();
            let of_client = rows.iter().filter(|row| row["target_ip"] == address.as_str());
            let mut cached = Vec::new();
            for row in of_client {
                assert_eq!(row["outcome"], "complete", "{row}");
                assert_eq!(graph(row), Some(client.plan()), "{address}");
                cached.push(row["cached"].as_bool().unwrap());
            }
            cached.sort_unstable();
            assert_eq!(cached, [false, true, true, true, true], "{address}");
        }
        let lake = station.stop();
        let count = "SELECT (SELECT count(*) FROM speed_tests) AS tests, \
                     (SELECT count(*) FROM traces) AS traces";
        let count = lake.row(count);
        assert_eq!((&count["tests"], &count["traces"]), (&tests.into(), &tests.into()));
    });
}

/// An address of the target; the first router knows some of the branches to it.
pub(super) struct Client {
    pub(super) number: u8,
}

impl Client {
    pub(super) fn address(&self) -> IpAddr {
        Ipv4Addr::new(198, 19, 0, self.number).into()
    }

    fn branches(&self) -> impl Iterator<Item = usize> + use<> {
        // Any of them and never none.
        let chosen = usize::from(self.number) % ((1 << BRANCHES) - 1) + 1;
        (0..BRANCHES).filter(move |branch| chosen & (1 << branch) != 0)
    }

    fn plan(&self) -> Plan {
        let [first, last] = [0, BRANCHES + 1].map(|router| Routers::v4(Node::Router(router)));
        let mut vertices = BTreeSet::from([(1, first), (3, last), (4, self.address())]);
        let mut edges = BTreeSet::from([(3, last, self.address())]);
        for branch in self.branches() {
            let between = Routers::v4(Node::Router(1 + branch));
            vertices.insert((2, between));
            edges.extend([(1, first, between), (2, between, last)]);
        }
        Plan { vertices, edges }
    }

    /// As packets to the target go, but for the branches.
    pub(super) fn route(&self, network: &Routers) {
        let address = self.address();
        network.target().execute("ip", &format!("address add {address}/32 dev lo"));
        let target = Routers::v4(Node::Target);
        for router in (1..=BRANCHES + 1).map(|number| network.router(number)) {
            let ways = ways(router, target);
            router.execute("ip", &format!("route add {address}/32 {}", ways[0]));
        }
        network.source().execute(
            "ip",
            &format!("route add {address}/32 {}", ways(network.source(), target)[0]),
        );
        let ways = ways(network.router(0), target);
        let ways: Vec<_> =
            self.branches().map(|branch| format!("nexthop {}", ways[branch])).collect();
        network.router(0).execute("ip", &format!("route add {address}/32 {}", ways.join(" ")));
    }

    /// A test that its client ends, from this address.
    fn test(&self, network: &Routers, ws: &str) {
        let server = Routers::v4(Node::Source);
        let way = &ways(network.target(), server)[0];
        let from_here = format!("route replace {server}/32 {way} src {}", self.address());
        network.target().execute("ip", &from_here);
        network.target().within(|| {
            let mut client = RawClient::connect(ws, "download");
            client.await_frame(opcode::TEXT);
            client.send(opcode::CLOSE, &1000_u16.to_be_bytes()).unwrap();
            client.drain().unwrap();
        });
    }
}

/// The next hops from a host to an address, as `ip route` takes them.
fn ways(host: &Namespace, to: IpAddr) -> Vec<String> {
    let mut show: Command = host.command("ip");
    let output = show.args(["route", "show", &format!("{to}/32")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = text.split_whitespace().collect();
    let ways: Vec<_> = words
        .windows(5)
        .filter(|words| words[0] == "via" && words[3] == "dev")
        .map(|words| words.join(" "))
        .collect();
    assert!(!ways.is_empty(), "no way from {} to {to}: {text}", host.name());
    ways
}
