//! A station without privilege in a network of several paths: a test's row joins
//! all of them.
//!
//! Needs user namespaces, iproute2 and nftables: `cargo xtask prove traceroute`.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

#[path = "traceroute/command.rs"]
mod command;
#[path = "traceroute/crowd.rs"]
mod crowd;
#[path = "traceroute/graph.rs"]
mod graph;
#[path = "traceroute/methods.rs"]
mod methods;
#[path = "traceroute/queries.rs"]
mod queries;
#[path = "traceroute/scarce.rs"]
mod scarce;

use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::lab::{Behaviour, Node, Plan, Routers, Topology, inside};
use trigpoint_testkit::{Directory, Standalone, eventually, run};

use graph::graph;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const DEADLINE: Duration = Duration::from_mins(2);
/// So unlikely to miss something that one run may be asked for the whole graph.
const CERTAIN: [&str; 2] = ["--failure-probability", "0.000001"];

#[test]
fn both_tests_of_a_client_join_all_paths_to_it() {
    inside("both_tests_of_a_client_join_all_paths_to_it", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let places = [Node::Source, Node::Target];
        joins_all_paths(&network, places.map(Routers::v4), &network.plan_v4());
        joins_all_paths(&network, places.map(Routers::v6), &network.plan_v6());
    });
}

/// Each router answers one probe a second, so that no trace comes to its end.
#[test]
fn a_trace_that_runs_at_the_end_is_stored_with_what_it_found() {
    inside("a_trace_that_runs_at_the_end_is_stored_with_what_it_found", || {
        let behaviour = Behaviour { icmp_limits: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 4, 1]), behaviour);
        let directory = Directory::new();
        let station = station(&network, Routers::v4(Node::Source), &directory);
        test_once(&network, &station);
        let lake = station.stop();
        let sql = "SELECT outcome, stop_reason, nodes[1]['ip'] AS first, probe_count > 10 AS probed \
                   FROM speed_tests JOIN traces USING (flow_id)";
        let rows = lake.query(sql);
        assert_eq!(rows.len(), 2, "{rows:?}");
        for row in rows {
            assert_eq!(row["outcome"], "interrupted", "{row}");
            assert_eq!(row["stop_reason"], Value::Null, "{row}");
            assert_eq!(row["first"], Routers::v4(Node::Router(0)).to_string());
            assert_eq!(row["probed"], true, "{row}");
        }
    });
}

/// As nobody, with no capability.
fn station(network: &Routers, address: IpAddr, directory: &Directory) -> Standalone {
    let mut nobody = network.source().command("unshare");
    nobody.args(["--user", "--map-user=65534", "--map-group=65534", "--", TRIGPOINT]);
    nobody.env("TRIGPOINT_TEST_DURATION", "1s");
    let address = address.to_string();
    let arguments = ["--listen", &address, CERTAIN[0], CERTAIN[1]];
    let station = Standalone::start_with(nobody, TRIGPOINT, directory, &arguments);
    let status = format!("/proc/{}/status", station.process().id());
    let status = std::fs::read_to_string(status).unwrap();
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000\n")), "{status}");
    }
    station
}

/// A download and an upload from the target.
fn test_once(network: &Routers, station: &Standalone) {
    let mut speedtest = network.target().command(TRIGPOINT);
    run(speedtest.args(["speedtest", station.ws()]), DEADLINE).expect_code(0);
}

/// As many hosts' firewalls do, and not with the code for a closed port.
#[test]
fn a_client_whose_firewall_refuses_has_answered() {
    inside("a_client_whose_firewall_refuses_has_answered", || {
        let network = Routers::new(Topology::hops(&[1, 2, 1]), Behaviour::default());
        for command in [
            "add table inet firewall",
            "add chain inet firewall incoming { type filter hook input priority 0 ; }",
            "add rule inet firewall incoming meta l4proto udp reject with icmpx type admin-prohibited",
        ] {
            network.target().execute("nft", command);
        }
        let places = [Node::Source, Node::Target];
        joins_all_paths(&network, places.map(Routers::v4), &network.plan_v4());
        joins_all_paths(&network, places.map(Routers::v6), &network.plan_v6());
    });
}

fn joins_all_paths(network: &Routers, [server, client]: [IpAddr; 2], plan: &Plan) {
    let directory = Directory::new();
    let station = station(network, server, &directory);
    test_once(network, &station);

    let sql = "SELECT outcome, stop_reason, cached, target_ip, source_ip, nodes, links \
               FROM speed_tests JOIN traces USING (flow_id) ORDER BY cached";
    let rows = eventually(DEADLINE, "a trace for each test", || {
        Some(station.query(sql)).filter(|rows| rows.len() == 2)
    });
    for (row, is_cached) in rows.iter().zip([false, true]) {
        assert_eq!(row["outcome"], "complete", "{row}");
        assert_eq!(row["stop_reason"], "completed", "{row}");
        assert_eq!(row["cached"], is_cached, "the first test's trace serves the second");
        assert_eq!(row["target_ip"], client.to_string());
        assert_eq!(row["source_ip"], server.to_string());
        assert_eq!(graph(row).as_ref(), Some(plan));
    }
    station.stop();
}
