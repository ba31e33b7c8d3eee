//! What the chart's NetworkPolicies let through, and what they forbid.

#[path = "policies/enforced.rs"]
mod enforced;
#[path = "policies/nft.rs"]
mod nft;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_testkit::lab::Namespace;
use trigpoint_testkit::{Finished, eventually, run};

use crate::cluster::{Cluster, DEADLINE, NEXT_IMAGE, NODES, Node, OUTSIDE, OUTSIDE_ADDRESS};
use crate::fleet::{Fleet, label_nodes};
use crate::release::{NAMESPACE, PRIVILEGED, Release, core, prepare, until_rows};
use crate::{profiles, sessions};
use enforced::{Enforced, network_of};

/// Of the pods of each node.
const PODS: [&str; 3] = ["10.88.1.0/24", "10.88.2.0/24", "10.88.3.0/24"];
/// Where clouds keep what only the node itself is to know.
const METADATA: &str = "169.254.169.254";
/// A packet that is lost comes again after a second.
const PATIENCE: Duration = Duration::from_secs(3);

#[test]
fn what_must_pass_passes_and_nothing_else() {
    let cluster = Cluster::find();
    prepare(&cluster);
    let _enforced = Enforced::start(&cluster);
    // The client outside knows the way to pods, so that it may answer their traces.
    let route = |(pods, node): (_, Node)| format!("{pods} via {}", node.address);
    let routes = PODS.into_iter().zip(NODES).map(route);
    let _routes: Vec<_> = routes.map(|route| Added::new(OUTSIDE, "route", route)).collect();
    let nodes = NODES.map(|node| format!("{}/32", node.address));
    let [one, two, three] = &nodes;
    let mut release = Release::install_prepared(
        &cluster,
        &json!({"networkPolicy": {
            "clusterRanges": ["10.88.0.0/16", "10.96.0.0/16", one, two, three],
            "dnsPorts": [53, 1053],
            "monitoringNamespace": PRIVILEGED,
        }}),
    );
    label_nodes(&cluster);
    profiles::expect_ports_and_network_of_nodes(&cluster, &release);
    // Now nobody but stations has to do with a collector.
    release.set(&json!({"stationNamespaces": [{"name": NAMESPACE}]}));

    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &json!({}));
    let revision = fleet.until_up_to_date(NODES.len());
    for node in NODES {
        let name = format!("policies-{}", node.name);
        let session = sessions::one(&cluster, &fleet.address(node), &name);
        assert!(session.is_whole(), "{session:?}");
        release.until_both_rows(&name, "machine");
    }
    let sql = format!(
        "SELECT DISTINCT machine FROM traces WHERE revision = '{revision}' \
         AND target_ip = '{OUTSIDE_ADDRESS}' AND outcome = 'complete'"
    );
    until_rows(&release, "traces reach their client", &sql, |rows| {
        (rows.len() == NODES.len()).then_some(())
    });
    let test = ["test", "trigpoint", "--namespace", NAMESPACE, "--timeout", "3m"];
    cluster.helm(test).expect_code(0);
    cluster.tag_image(NEXT_IMAGE);
    fleet.change(&json!({"template": {"image": NEXT_IMAGE}}));
    let newer = fleet.until("the next image is everywhere", |object| {
        let stable = object["status"]["stableRevision"].as_str()?;
        (stable != revision).then(|| stable.to_owned())
    });
    assert_eq!(fleet.until_up_to_date(NODES.len()), newer);

    expect_each_path(&cluster, &fleet);
}

/// Each path that is forbidden to somebody is open to somebody else.
#[track_caller]
fn expect_each_path(cluster: &Cluster, fleet: &Fleet<'_>) {
    let [first, here, there] = NODES;
    let [station, neighbour] = [here, there].map(|node| fleet.pod(node.name).unwrap());
    let [operator, collector] = ["operator", "lake"].map(|component| pod_of(cluster, component));
    let somebody = idle_pod(cluster, NAMESPACE, here);
    let prometheus = idle_pod(cluster, PRIVILEGED, here);
    let [neighbour_at, collector_at, operator_at] =
        [&neighbour, &collector, &operator].map(|pod| pod["status"]["podIP"].as_str().unwrap());
    let place = |name, pod: &Value| Place { name, network: network_of(pod) };
    let station = &place("a station", &station);
    let operator = &place("the operator", &operator);
    let collector = &place("the collector", &collector);
    let somebody = &place("somebody's pod", &somebody);
    let prometheus = &place("a pod that reads metrics", &prometheus);
    let outside = &Place { name: "a client", network: Namespace::named(OUTSIDE) };
    let own_node = &Place { name: "its own node", network: Namespace::named(first.network) };
    let other_node = &Place { name: "another node", network: Namespace::named(here.network) };
    let _metadata = Added::new(here.network, "address", format!("{METADATA} dev lo"));
    let metadata = listen(here.network, METADATA);
    let internet = listen(OUTSIDE, OUTSIDE_ADDRESS);
    let api_server = cluster.get("/api/v1/namespaces/default/services/kubernetes").unwrap();
    let api_server = api_server["spec"]["clusterIP"].as_str().unwrap();
    let to = |host: &str, port| SocketAddr::new(host.parse().unwrap(), port);

    expect(&[
        ("the API server", to(api_server, 443), &[operator, collector], &[station]),
        ("a kubelet", to(there.address, 10250), &[somebody], &[station, operator, collector]),
        ("metadata of a cloud", metadata.local_addr().unwrap(), &[somebody], &[station]),
        ("the internet", internet.local_addr().unwrap(), &[station], &[operator, collector]),
        ("another station", to(neighbour_at, 8080), &[somebody, outside], &[station, collector]),
        (
            "a server's metrics",
            to(neighbour_at, 9990),
            &[operator, prometheus],
            &[station, collector, somebody, outside, other_node],
        ),
        (
            "a tracer's metrics",
            to(neighbour_at, 9992),
            &[operator, prometheus],
            &[station, collector, somebody, outside, other_node],
        ),
        ("ingest", to(collector_at, 9400), &[station], &[operator, somebody, outside]),
        (
            "the collector's metrics",
            to(collector_at, 9401),
            &[operator, prometheus, own_node],
            &[station, somebody, outside, other_node],
        ),
        ("SQL", to(collector_at, 9410), &[operator, somebody, outside], &[station]),
        (
            "the query service's metrics",
            to(collector_at, 9411),
            &[prometheus],
            &[station, operator, somebody, outside],
        ),
        (
            "the operator's metrics",
            to(operator_at, 9420),
            &[prometheus],
            &[station, collector, somebody, outside],
        ),
    ]);
}

/// Who tries.
struct Place {
    name: &'static str,
    network: Namespace,
}

/// What is at an address, who may come there, and who may not.
type Path<'p> = (&'static str, SocketAddr, &'p [&'p Place], &'p [&'p Place]);

#[track_caller]
fn expect(paths: &[Path<'_>]) {
    let tries = paths.iter().flat_map(|(what, address, may, may_not)| {
        let open = may.iter().map(|place| (*place, true));
        let shut = may_not.iter().map(|place| (*place, false));
        open.chain(shut).map(move |(place, expected)| (what, *address, place, expected))
    });
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        let tries: Vec<_> = tries
            .map(|(what, address, place, expected)| {
                let went = scope.spawn(move || place.network.within(|| passes(address)));
                (what, place.name, expected, went)
            })
            .collect();
        println!("{} paths tried", tries.len());
        for (what, from, expected, went) in tries {
            let went = went.join().unwrap();
            if went.as_ref().ok() != Some(&expected) {
                wrong.push(format!("{from} to {what}: {went:?}, and not {expected}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A policy answers nothing; whoever refuses is beyond it.
fn passes(address: SocketAddr) -> std::io::Result<bool> {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
        Err(error) => Err(error),
    }
}

/// The newest pod of a program of the release.
#[track_caller]
fn pod_of(cluster: &Cluster, component: &str) -> Value {
    let path = format!("pods?labelSelector=app.kubernetes.io/component={component}");
    let pods = cluster.list(&core(&path)).into_iter();
    let stays = |pod: &Value| pod["metadata"]["deletionTimestamp"].is_null();
    pods.filter(stays).max_by_key(|pod| pod["metadata"]["creationTimestamp"].to_string()).unwrap()
}

/// A pod that no policy knows, and which has a network and nothing else.
#[track_caller]
fn idle_pod(cluster: &Cluster, namespace: &str, node: Node) -> Value {
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "idle", "namespace": namespace},
        "spec": {
            "nodeName": node.name,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "idle",
                "image": "localhost/busybox:1",
                "imagePullPolicy": "Never",
                "command": ["sleep", "infinity"],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    }));
    eventually(DEADLINE, "a pod runs", || {
        let pod = cluster.get(&format!("/api/v1/namespaces/{namespace}/pods/idle"))?;
        (pod["status"]["phase"] == "Running").then_some(pod)
    })
}

/// Whoever comes there is taken.
#[track_caller]
fn listen(network: &str, address: &str) -> TcpListener {
    Namespace::named(network).within(|| TcpListener::bind((address, 0))).unwrap()
}

/// An address or a route of a network, for as long as this is there.
struct Added {
    network: &'static str,
    kind: &'static str,
    what: String,
}

impl Added {
    #[track_caller]
    fn new(network: &'static str, kind: &'static str, what: String) -> Self {
        let added = Self { network, kind, what };
        added.ip("replace").expect_code(0);
        added
    }

    fn ip(&self, action: &str) -> Finished {
        let mut command = Namespace::named(self.network).command("ip");
        command.args([self.kind, action]).args(self.what.split(' '));
        run(&mut command, DEADLINE)
    }
}

impl Drop for Added {
    fn drop(&mut self) {
        self.ip("delete");
    }
}
