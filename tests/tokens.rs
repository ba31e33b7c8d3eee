//! Tokens of pods: a collector that asks a real Kubernetes API server who a station
//! is, and takes from the operator's records what it runs; and a query service that
//! asks it likewise.
//!
//! `cargo xtask prove tokens`.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use trigpoint_testkit::{ApiServer, Directory, Process, Stream, beside, eventually, run};

const DEADLINE: Duration = Duration::from_mins(2);
const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/trigpoint-crds/files");
const AUDIENCE: &str = "trigpoint-collector";
const NODE: &str = "node-1";
const POD: &str = "edge-0123456789-x7k2p";
const ASSIGNED: &str = "edge-0123456789";
const STABLE: &str = "edge-9876543210";

/// A cluster with a pod on a node, in each of two namespaces, and a collector that
/// takes the tokens of one of them.
struct World {
    directory: Directory,
    cluster: ApiServer,
    collector: Process,
    uri: String,
}

impl World {
    /// Prepared by `prepare` before the collector starts.
    fn new(prepare: impl FnOnce(&ApiServer)) -> Self {
        let directory = Directory::new();
        let cluster = ApiServer::start(&directory);
        cluster.kubectl(["apply", "--server-side", "--filename", DEFINITIONS]).expect_code(0);
        populate(&cluster);
        prepare(&cluster);
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
        command.args(["collector", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--token-review", AUDIENCE, "--token-review-namespaces", "stations"]);
        command.args(["--commit-at-latest", "2s"]).env("KUBECONFIG", cluster.kubeconfig());
        command.arg("--data-dir").arg(directory.join("collector"));
        let collector = Process::start(&mut command);
        let uri = collector.line(Stream::Stdout, DEADLINE, |line| {
            line.split_once("https://").map(|(_, address)| format!("https://{address}"))
        });
        Self { directory, cluster, collector, uri }
    }

    /// A token as the kubelet asks for it; bound to the pod, if it is to be.
    fn token(&self, namespace: &str, audience: &str, is_bound: bool) -> String {
        let of = format!("/api/v1/namespaces/{namespace}");
        let mut spec = json!({"audiences": [audience], "expirationSeconds": 600});
        if is_bound {
            let path = format!("{of}/pods/{POD}");
            let (_, pod) = self.cluster.request("GET", &path, &Value::Null);
            let uid = pod["metadata"]["uid"].clone();
            spec["boundObjectRef"] =
                json!({"apiVersion": "v1", "kind": "Pod", "name": POD, "uid": uid});
        }
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec,
        });
        let path = format!("{of}/serviceaccounts/station/token");
        let answer = create(&self.cluster, &path, &request);
        answer["status"]["token"].as_str().unwrap().to_owned()
    }

    /// A station that says of itself what it is told to.
    fn station(&self, token: &str, machine: &str, pod: &str) -> Process {
        let file = self.directory.join("token");
        std::fs::write(&file, token).unwrap();
        let executable = beside(env!("CARGO_BIN_EXE_trigpoint"), "trigpoint-station");
        let mut command = Command::new(executable);
        command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
        command.args(["--admin-port", "0", "--test-duration", "1s", "--lame-duck", "0s"]);
        command.args(["--flush-deadline", "1s", "--collector", &self.uri]);
        command.args(["--machine", machine, "--pod", pod, "--revision", STABLE, "--arm", "stable"]);
        command.arg("--collector-ca").arg(self.directory.join("collector/tls/certificate.pem"));
        command.arg("--token-file").arg(file);
        Process::start(command.arg("--data-dir").arg(self.directory.join("station")))
    }

    /// Why the collector takes nothing from that station.
    fn refusal(&self, token: &str, machine: &str, pod: &str) -> String {
        let station = self.station(token, machine, pod);
        let line = station.line(Stream::Stderr, DEADLINE, |line| {
            line.contains("no stream to the collector").then(|| line.to_owned())
        });
        station.stop(DEADLINE).expect_code(0);
        line
    }

    fn value(&self, sql: &str) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
        command.args(["query", "--format", "csv", sql, "--data-dir"]);
        let answer = run(command.arg(self.directory.join("collector")), DEADLINE);
        answer.expect_code(0);
        answer.stdout.lines().nth(1).unwrap_or_default().to_owned()
    }

    fn end(self) {
        self.collector.stop(DEADLINE).expect_code(0);
    }
}

fn create(cluster: &ApiServer, path: &str, object: &Value) -> Value {
    let (code, answer) = cluster.request("POST", path, object);
    assert_eq!(code, 201, "{path}: {answer}");
    answer
}

/// A node, and on it a pod in each of two namespaces.
fn populate(cluster: &ApiServer) {
    create(cluster, "/api/v1/nodes", &json!({"metadata": {"name": NODE}}));
    for namespace in ["stations", "others"] {
        create(cluster, "/api/v1/namespaces", &json!({"metadata": {"name": namespace}}));
        let of = format!("/api/v1/namespaces/{namespace}");
        let account = json!({"metadata": {"name": "station"}});
        create(cluster, &format!("{of}/serviceaccounts"), &account);
        let pod = json!({
            "metadata": {"name": POD},
            "spec": {
                "serviceAccountName": "station",
                "automountServiceAccountToken": false,
                "nodeName": NODE,
                "containers": [{"name": "server", "image": "trigpoint"}],
            },
        });
        create(cluster, &format!("{of}/pods"), &pod);
    }
}

/// What the operator has decided: that node has a canary.
fn assign(cluster: &ApiServer) {
    let of = "/apis/trigpoint.dev/v1alpha1/namespaces/stations";
    let kind = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "trigpoint.dev/v1alpha1", "kind": kind, "metadata": {"name": name},
            "spec": spec,
        })
    };
    let fleet = json!({
        "nodeSelector": {"matchLabels": {"trigpoint.dev/station": "true"}},
        "template": {"image": "trigpoint:1"},
        "network": {"profile": "service"},
        "drain": {"lameDuck": "35s", "maxTest": "15s", "flush": "60s"},
        "rollout": {"waves": [{"name": "everywhere", "percent": 100}]},
    });
    let mut fleet = create(
        cluster,
        &format!("{of}/measurementfleets"),
        &kind("MeasurementFleet", "edge", fleet),
    );
    fleet["status"] = json!({"stableRevision": STABLE});
    let path = format!("{of}/measurementfleets/edge/status");
    let (code, answer) = cluster.request("PUT", &path, &fleet);
    assert_eq!(code, 200, "{answer}");
    let node = json!({
        "nodeName": NODE, "nodeUid": "41f0", "fleet": "edge", "assignedRevision": ASSIGNED,
    });
    create(cluster, &format!("{of}/measurementnodes"), &kind("MeasurementNode", NODE, node));
}

#[test]
fn a_pods_rows_say_what_the_operator_assigned_and_not_what_the_pod_claims() {
    let world = World::new(assign);
    let station = world.station(&world.token("stations", AUDIENCE, true), NODE, POD);
    let url = station.line(Stream::Stdout, DEADLINE, |line| {
        line.split_once("ws://").map(|(_, address)| format!("ws://{address}"))
    });
    let mut speedtest = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
    run(speedtest.args(["speedtest", &url]), DEADLINE).expect_code(0);
    let sql = format!(
        "SELECT count(*) FROM speed_tests WHERE machine = '{NODE}' AND pod = '{POD}' \
         AND revision = '{ASSIGNED}' AND arm = 'canary'"
    );
    eventually(DEADLINE, "both tests in SQL", || (world.value(&sql) == "2").then_some(()));
    station.stop(DEADLINE).expect_code(0);
    let forged =
        format!("SELECT count(*) FROM snapshots WHERE revision = '{STABLE}' OR arm = 'stable'");
    assert_eq!(world.value(&forged), "0");
    world.end();
}

#[test]
fn a_station_that_is_not_what_its_token_says_delivers_nothing() {
    let world = World::new(|_| ());
    let good = world.token("stations", AUDIENCE, true);
    let other_audience = world.token("stations", "https://kubernetes.default.svc", true);
    let unbound = world.token("stations", AUDIENCE, false);
    let elsewhere = world.token("others", AUDIENCE, true);
    for (token, machine, pod, expected) in [
        (&good, "node-2", POD, "the token is of node `node-1`, and the Hello says `node-2`"),
        (&good, NODE, "another", "and the Hello says `another`"),
        (&other_audience, NODE, POD, "does not know the token for audience `trigpoint-collector`"),
        (&unbound, NODE, POD, "bound to no pod and node"),
        (&elsewhere, NODE, POD, "system:serviceaccount:others:station"),
        (&"not.a.token".to_owned(), NODE, POD, "does not know the token for audience"),
    ] {
        let refusal = world.refusal(token, machine, pod);
        assert!(refusal.contains(expected), "{refusal}");
    }
    assert_eq!(world.value("SELECT count(*) FROM stations"), "0");
    world.end();
}

#[test]
fn a_query_service_answers_the_pods_that_its_namespaces_and_its_audience_allow() {
    const QUERIES: &str = "trigpoint-query";
    let world = World::new(|_| ());
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
    command.args(["query-service", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--token-review", QUERIES, "--token-review-namespaces", "stations"]);
    command.env("KUBECONFIG", world.cluster.kubeconfig());
    let directory = world.directory.join("queries");
    let service = Process::start(command.arg("--data-dir").arg(&directory));
    let endpoint = service.line(Stream::Stdout, DEADLINE, |line| {
        line.split_once("grpc+tls://").map(|(_, address)| format!("grpc+tls://{address}"))
    });
    let ask = |token: &str| {
        let file = world.directory.join("query-token");
        std::fs::write(&file, token).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
        command.args(["query", "--format", "csv", "SELECT 6 * 7 AS answer"]);
        command.args(["--endpoint", &endpoint, "--token-file"]).arg(file);
        run(command.arg("--cacert").arg(directory.join("tls/certificate.pem")), DEADLINE)
    };
    let answer = ask(&world.token("stations", QUERIES, true));
    assert_eq!(answer.expect_code(0).stdout.lines().nth(1), Some("42"));
    for (token, expected) in [
        (world.token("stations", AUDIENCE, true), "the token for audience `trigpoint-query`"),
        (world.token("stations", QUERIES, false), "bound to no pod and node"),
        (world.token("others", QUERIES, true), "tokens of its namespace are not taken here"),
        ("a-guess-that-is-long".to_owned(), "it is no JWT"),
    ] {
        let refused = ask(&token);
        assert_ne!(refused.code(), Some(0), "answered");
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    service.stop(DEADLINE).expect_code(0);
    world.end();
}
