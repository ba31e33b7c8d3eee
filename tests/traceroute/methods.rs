//! The other ways to trace, through a whole station.

use serde_json::Value;
use trigpoint_testkit::lab::{Balancing, Behaviour, Node, Routers, Topology, inside};
use trigpoint_testkit::{Directory, Standalone, eventually};

use super::{CERTAIN, DEADLINE, TRIGPOINT, graph, test_once};

/// As the lab's root, who has `CAP_NET_RAW` there.
fn station(network: &Routers, directory: &Directory, arguments: &[&str]) -> Standalone {
    let address = Routers::v4(Node::Source).to_string();
    let all: Vec<_> = ["--listen", &address].into_iter().chain(CERTAIN).collect();
    let all = [&all[..], arguments].concat();
    let mut command = network.source().command(TRIGPOINT);
    command.env("TRIGPOINT_TEST_DURATION", "1s");
    Standalone::start_with(command, TRIGPOINT, directory, &all)
}

/// The row of the first test's own trace, once both tests have theirs.
fn own_trace(station: &Standalone) -> Value {
    let sql = "SELECT cached, outcome, stop_reason, trigger, traces.protocol, receiver, destination_port, \
               nodes, links, probes, traces.start_time < speed_tests.end_time AS is_during_test \
               FROM speed_tests JOIN traces USING (flow_id) ORDER BY cached";
    let mut rows = eventually(DEADLINE, "a trace for each test", || {
        Some(station.query(sql)).filter(|rows| rows.len() == 2)
    });
    assert_eq!((&rows[0]["cached"], &rows[1]["cached"]), (&false.into(), &true.into()));
    rows.swap_remove(0)
}

/// What is known of each answer of a router only to raw sockets.
fn is_quoted(row: &Value) -> Vec<bool> {
    let probes = row["probes"].as_array().unwrap();
    let of_routers = probes.iter().filter(|probe| probe["reply"] == "time_exceeded");
    of_routers.map(|probe| probe["quoted_ttl"] == 1 && !probe["reply_ip_id"].is_null()).collect()
}

fn sees_the_plan(balancing: Balancing, arguments: &[&str]) -> Value {
    let behaviour = Behaviour { balancing, ..Behaviour::default() };
    let network = Routers::new(Topology::hops(&[1, 4, 1]), behaviour);
    network.source().within(|| {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    });
    let directory = Directory::new();
    let station = station(&network, &directory, arguments);
    test_once(&network, &station);
    let row = own_trace(&station);
    assert_eq!((&row["outcome"], &row["stop_reason"]), (&"complete".into(), &"completed".into()));
    assert_eq!(graph(&row), Some(network.plan_v4()));
    station.stop();
    row
}

#[test]
fn by_raw_sockets() {
    inside("methods::by_raw_sockets", || {
        let row = sees_the_plan(Balancing::Ports, &["--trace-raw"]);
        assert_eq!((&row["protocol"], &row["receiver"]), (&"udp".into(), &"raw".into()));
        let quoted = is_quoted(&row);
        assert!(!quoted.is_empty() && quoted.iter().all(|quoted| *quoted), "{row}");
    });
}

#[test]
fn by_echo_requests() {
    inside("methods::by_echo_requests", || {
        let row = sees_the_plan(Balancing::IcmpChecksum, &["--trace-protocol", "icmp"]);
        assert_eq!((&row["protocol"], &row["receiver"]), (&"icmp".into(), &"error_queue".into()));
        assert_eq!(row["destination_port"], Value::Null);
        let quoted = is_quoted(&row);
        assert!(!quoted.is_empty() && quoted.iter().all(|quoted| !*quoted), "{row}");
    });
}

#[test]
fn by_echo_requests_of_raw_sockets() {
    inside("methods::by_echo_requests_of_raw_sockets", || {
        let arguments = ["--trace-protocol", "icmp", "--trace-raw"];
        let row = sees_the_plan(Balancing::IcmpChecksum, &arguments);
        assert_eq!((&row["protocol"], &row["receiver"]), (&"icmp".into(), &"raw".into()));
        let quoted = is_quoted(&row);
        assert!(!quoted.is_empty() && quoted.iter().all(|quoted| *quoted), "{row}");
    });
}

/// The test is still running then, and nobody knows yet that it is one.
#[test]
fn at_the_opening_of_the_connection() {
    inside("methods::at_the_opening_of_the_connection", || {
        let row = sees_the_plan(Balancing::Ports, &["--trace-at", "open"]);
        assert_eq!((&row["trigger"], &row["is_during_test"]), (&"open".into(), &true.into()));
    });
}
