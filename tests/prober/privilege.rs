//! Without any privilege: no capability, an unknown user, no raw or packet socket.

use std::fs;
use std::process::Command;

use trigpoint_prober::{Method, Prober, Settings, SetupError, Target};
use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};

use crate::enumerate::{Enumerated, FLOWS};

const TEST: &str = "privilege::a_nobody_without_capabilities_sees_the_plan";
/// Set for the copy of this executable that runs as nobody.
const NOBODY: &str = "TRIGPOINT_NOBODY";
/// In front of the copy's result.
const GRAPH: &str = "graph of a nobody: ";

#[test]
fn a_nobody_without_capabilities_sees_the_plan() {
    if std::env::var_os(NOBODY).is_some() {
        return trace_as_nobody();
    }
    inside(TEST, || {
        let network = Routers::new(Topology::meshed(&[1, 4, 4, 1]), Behaviour::default());
        let mut nobody: Command = network.source().command("unshare");
        nobody.args(["--user", "--map-user=65534", "--map-group=65534", "--"]);
        nobody.arg(std::env::current_exe().unwrap()).args(["--exact", TEST, "--nocapture"]);
        let output = nobody.env(NOBODY, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        let graphs: Vec<&str> = text.lines().filter_map(|line| line.split(GRAPH).nth(1)).collect();
        let plans = [network.plan_v4(), network.plan_v6()].map(|plan| format!("{plan:?}"));
        assert_eq!(graphs, plans);
    });
}

fn trace_as_nobody() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(field("Uid:"), ["65534"; 4]);
    for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    let raw = Prober::new(Settings { raw: true, ..Settings::default() }).unwrap_err();
    assert!(matches!(raw, SetupError::Raw { .. }), "{raw}");
    assert!(raw.to_string().contains("CAP_NET_RAW"), "{raw}");
    for node_address in [Routers::v4(Node::Target), Routers::v6(Node::Target)] {
        let mut prober = Prober::new(Settings::default()).unwrap();
        let target = Target { address: node_address, method: Method::UDP };
        let seen = Enumerated::new(&mut prober, target, FLOWS, 5);
        assert_no_raw_socket();
        println!("{GRAPH}{:?}", seen.graph(node_address));
    }
}

/// This host's whole namespace has none; each file has one line of headings.
fn assert_no_raw_socket() {
    for file in ["raw", "raw6", "packet"] {
        let sockets = fs::read_to_string(format!("/proc/self/net/{file}")).unwrap();
        assert_eq!(sockets.lines().count(), 1, "{file}: {sockets}");
    }
}
