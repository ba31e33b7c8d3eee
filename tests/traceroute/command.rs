//! `trigpoint trace`, as nobody, among routers.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use trigpoint_testkit::lab::{Behaviour, Node, Plan, Routers, Topology, inside};
use trigpoint_testkit::{Directory, Finished, Process, eventually, run};

use super::{DEADLINE, TRIGPOINT, graph, station, test_once};

/// Says on stderr what it may do, and becomes the program.
const AS_NOBODY: &str = "grep ^Cap /proc/self/status >&2; id -u >&2; exec \"$0\" \"$@\"";
/// So unlikely that one run may be asked for the whole graph.
const SURELY: [&str; 2] = ["--failure-probability", "0.000001"];

#[test]
fn nobody_sees_all_branches() {
    inside("command::nobody_sees_all_branches", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        for (target, plan) in both_targets(&network) {
            let finished = run(nobody(&network).args(["trace", &target]).args(SURELY), DEADLINE);
            finished.expect_code(0);
            for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
                assert!(finished.stderr.contains(&format!("{set}:\t0000000000000000\n")));
            }
            assert!(finished.stderr.ends_with("\n65534\n"), "{}", finished.stderr);
            let text = &finished.stdout;
            let branches = plan.vertices.iter().filter(|(ttl, _)| *ttl == 2);
            for ((_, address), letter) in branches.zip(["a", "b", "c", "d"]) {
                let is_its =
                    |line: &str| line.split_whitespace().any(|word| word == address.to_string());
                assert!(text.lines().any(is_its), "{address} in\n{text}");
                assert!(text.contains(&format!(" 2{letter}")), "the way to {letter} in\n{text}");
            }
            assert!(text.contains(&format!("Every path leads to {target}.")), "{text}");
            assert!(text.contains("Diamond from hop 1 to hop 3: 4 wide, 2 long."), "{text}");
            assert!(text.contains("flows of their own"), "{text}");
        }
    });
}

#[test]
fn each_format_has_the_whole_graph() {
    inside("command::each_format_has_the_whole_graph", || {
        let network = Routers::new(Topology::hops(&[1, 4, 4, 1]), Behaviour::default());
        for (target, plan) in both_targets(&network) {
            let trace = |format: &str| {
                let mut command = nobody(&network);
                command.args(["trace", &target, "--format", format]).args(SURELY);
                run(&mut command, DEADLINE).expect_code(0).stdout.clone()
            };
            let json: Value = serde_json::from_str(&trace("json")).unwrap();
            assert_eq!(graph(&json).as_ref(), Some(&plan));
            assert_eq!(
                (&json["outcome"], &json["flow_is_test"]),
                (&"complete".into(), &false.into())
            );
            assert_eq!(scamper_graph(&trace("scamper")), plan);
            let links = plan.edges.len() + 1;
            let dot = trace("dot");
            assert_eq!(dot.matches(" -> ").count(), links, "{dot}");
            assert_eq!(laid_out(&dot).matches("class=\"edge\"").count(), links);
            let svg = trace("svg");
            assert_eq!(svg.matches("<path class=\"link\"").count(), links);
            for (_, address) in plan.vertices {
                assert!(svg.contains(&format!(">{address}</text>")), "{address} in {svg}");
            }
        }
    });
}

/// A flow of them has one at a time.  Answers take longer than the next probe waits for
/// its turn: probes pass the first cable one by one.
#[test]
fn attempts_to_connect_see_all_branches_and_wait_for_their_flow() {
    inside("command::attempts_to_connect_see_all_branches_and_wait_for_their_flow", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let slow = "qdisc add dev e0-1 root tbf rate 100kbit burst 200 limit 100000";
        network.source().execute("tc", slow);
        for (target, plan) in both_targets(&network) {
            let mut command = nobody(&network);
            command.args(["trace", &target, "--protocol", "tcp", "--format", "json"]).args(SURELY);
            let json = run(&mut command, DEADLINE).expect_code(0).stdout.clone();
            let json: Value = serde_json::from_str(&json).unwrap();
            assert_eq!(graph(&json).as_ref(), Some(&plan));
            assert_eq!((&json["protocol"], &json["outcome"]), (&"tcp".into(), &"complete".into()));
            for probe in json["probes"].as_array().unwrap() {
                assert!(probe["source_port"].is_u64(), "it was not sent: {probe}");
            }
        }
    });
}

#[test]
fn one_path_is_a_trace_of_scampers() {
    inside("command::one_path_is_a_trace_of_scampers", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let target = Routers::v4(Node::Target).to_string();
        let mut command = nobody(&network);
        command.args(["trace", &target, "--format", "scamper", "--algorithm", "paris"]);
        let text = run(&mut command, DEADLINE).expect_code(0).stdout.clone();
        let trace: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
        assert_eq!((&trace["type"], &trace["method"]), (&"trace".into(), &"udp-paris".into()));
        assert_eq!(trace["stop_reason"], "COMPLETED");
        let hops = trace["hops"].as_array().unwrap();
        let ttls: BTreeSet<_> = hops.iter().map(|hop| hop["probe_ttl"].as_u64().unwrap()).collect();
        assert_eq!(ttls, BTreeSet::from([1, 2, 3, 4]));
        assert_eq!(hops.last().unwrap()["addr"], target.as_str());
    });
}

#[test]
fn a_terminal_sees_the_trace_while_it_runs() {
    inside("command::a_terminal_sees_the_trace_while_it_runs", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let target = Routers::v4(Node::Target).to_string();
        let trace = format!("'{TRIGPOINT}' trace {target}");
        let mut command = network.source().command("script");
        let shown = run(command.args(["-qec", &trace, "/dev/null"]), DEADLINE);
        let shown = &shown.expect_code(0).stdout;
        let (live, last) = shown.rsplit_once("\x1b[J").unwrap_or_else(|| panic!("{shown:?}"));
        assert!(live.contains("Paths to") && live.contains("probes"), "{live:?}");
        assert_eq!(last.matches("Paths to").count(), 1, "{last:?}");
        assert!(last.contains(&format!("Every path leads to {target}.")), "{last:?}");
    });
}

/// Each router answers one probe a second, so that it does not end by itself.
#[test]
fn an_interrupt_ends_a_trace_with_what_it_found() {
    inside("command::an_interrupt_ends_a_trace_with_what_it_found", || {
        let behaviour = Behaviour { icmp_limits: true, ..Behaviour::default() };
        let network = Routers::new(Topology::hops(&[1, 4, 1]), behaviour);
        let target = Routers::v4(Node::Target).to_string();
        let trace = Process::start(nobody(&network).args(["trace", &target]));
        eventually(DEADLINE, "probes that were sent", || {
            let counters =
                network.source().within(|| fs::read_to_string("/proc/thread-self/net/snmp"));
            let counters = counters.unwrap();
            let udp = counters.lines().filter(|line| line.starts_with("Udp: ")).nth(1)?;
            let sent: u64 = udp.split_whitespace().nth(4)?.parse().ok()?;
            (sent > 10).then_some(())
        });
        trace.signal(Signal::INT);
        let finished = trace.finished(DEADLINE);
        let text = &finished.expect_code(0).stdout;
        assert!(text.contains(&Routers::v4(Node::Router(0)).to_string()), "{text}");
        assert!(text.contains("Interrupted: this is what was found until then."), "{text}");
    });
}

#[test]
fn a_host_that_cannot_be_traced_has_one_line_that_says_what_to_do() {
    inside("command::a_host_that_cannot_be_traced_has_one_line_that_says_what_to_do", || {
        let network = Routers::new(Topology::hops(&[1]), Behaviour::default());
        let refused = |arguments: &[&str], code: i32| {
            let mut command = network.source().command(TRIGPOINT);
            let finished = run(command.arg("trace").args(arguments), DEADLINE);
            finished.expect_code(code);
            assert_eq!(finished.stdout, "");
            let line = finished.stderr.strip_suffix('\n').unwrap().to_owned();
            assert!(line.starts_with("error: ") && !line.contains('\n'), "{line}");
            line
        };
        let line = refused(&["host.invalid"], 1);
        assert!(line.contains("cannot find an address of `host.invalid`"), "{line}");
        assert!(line.ends_with("check the name, or give an address"), "{line}");
        let line = refused(&["192.0.2.1", "-6"], 1);
        let expected = "error: `192.0.2.1` has no IPv6 address, only 192.0.2.1; leave out --ipv6";
        assert_eq!(line, expected);
        let line = refused(&["203.0.113.9"], 1);
        assert!(line.contains("there is no route to 203.0.113.9 from here"), "{line}");
        assert!(line.contains("`ip route get 203.0.113.9`"), "{line}");
        // A name with an address of a family that is not there.
        network.source().execute("sysctl", "-qw net.ipv6.conf.all.disable_ipv6=1");
        let line = refused(&["2001:db8::9"], 1);
        assert!(line.contains("2001:db8::9") && line.contains("IPv6"), "{line}");
        let line = refused(&["--failure-probability", "0", "192.0.2.1"], 64);
        assert!(line.contains("above 0"), "{line}");
    });
}

#[test]
fn a_stored_trace_has_every_format() {
    inside("command::a_stored_trace_has_every_format", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let directory = Directory::new();
        let station = station(&network, Routers::v4(Node::Source), &directory);
        test_once(&network, &station);
        let rows = eventually(DEADLINE, "a trace for each test", || {
            let rows = station.query("SELECT flow_id, cached_flow_id FROM traces ORDER BY cached");
            Some(rows).filter(|rows| rows.len() == 2)
        });
        let ids: Vec<_> = rows.iter().map(|row| row["flow_id"].as_str().unwrap()).collect();
        let shown = |flow_id: &str, format: &str| -> Finished {
            let arguments = ["trace", "--flow-id", flow_id, "--format", format];
            run(&mut station.lake().command(&arguments), DEADLINE)
        };
        let json: Value =
            serde_json::from_str(&shown(ids[0], "json").expect_code(0).stdout).unwrap();
        assert_eq!(graph(&json), Some(network.plan_v4()));
        let scamper = shown(ids[1], "scamper");
        let (metadata, lines) = scamper.expect_code(0).stdout.split_once('\n').unwrap();
        let metadata: Value = serde_json::from_str(metadata).unwrap();
        assert_eq!((&metadata["UUID"], &metadata["CachedUUID"]), (&ids[1].into(), &ids[0].into()));
        assert_eq!(scamper_graph(lines), network.plan_v4());
        for (format, word) in [("text", "Every path leads to"), ("dot", "digraph"), ("svg", "<svg")]
        {
            assert!(shown(ids[0], format).expect_code(0).stdout.contains(word), "{format}");
        }
        let unknown = shown("pod_1_0000000000000000", "text");
        assert!(unknown.expect_code(1).stderr.contains("no trace for"), "{}", unknown.stderr);
        shown("pod", "text").expect_code(64);
        station.stop();
    });
}

fn both_targets(network: &Routers) -> [(String, Plan); 2] {
    [
        (Routers::v4(Node::Target).to_string(), network.plan_v4()),
        (Routers::v6(Node::Target).to_string(), network.plan_v6()),
    ]
}

/// The program at the source, as user 65534 without a capability.
fn nobody(network: &Routers) -> Command {
    let mut nobody = network.source().command("unshare");
    nobody.args(["--user", "--map-user=65534", "--map-group=65534", "--"]);
    nobody.args(["sh", "-c", AS_NOBODY, TRIGPOINT]);
    nobody
}

/// What scamper's lines show of a network whose routers all answer.
fn scamper_graph(lines: &str) -> Plan {
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [start, trace, stop] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&start["type"], &stop["type"]), (&"cycle-start".into(), &"cycle-stop".into()));
    assert_eq!((&trace["type"], &trace["flow_is_test"]), (&"tracelb".into(), &false.into()));
    let list = |value: &Value| value.as_array().unwrap().clone();
    let address = |value: &Value| value["addr"].as_str().unwrap().parse::<IpAddr>().unwrap();
    let mut plan = Plan::default();
    for node in list(&trace["nodes"]) {
        let links = list(&node["links"]);
        let [set] = &links[..] else { panic!("silence in {node}") };
        assert_eq!(node["linkc"].as_u64().unwrap() as usize, list(set).len());
        for to in list(set) {
            let ttl = to["probes"][0]["ttl"].as_u64().unwrap() as u8;
            plan.vertices.extend([(ttl - 1, address(&node)), (ttl, address(&to))]);
            plan.edges.insert((ttl - 1, address(&node), address(&to)));
        }
    }
    plan
}

/// A graph as Graphviz draws it.
fn laid_out(dot: &str) -> String {
    let mut command = Command::new("dot");
    let piped = command.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut graphviz = piped.spawn().unwrap_or_else(|error| panic!("cannot run dot: {error}"));
    graphviz.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
    let output = graphviz.wait_with_output().unwrap();
    assert!(output.status.success(), "Graphviz does not parse\n{dot}");
    String::from_utf8(output.stdout).unwrap()
}
