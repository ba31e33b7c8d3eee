//! A fleet, as a person makes and follows it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trigpoint_testkit::lab::Namespace;
use trigpoint_testkit::{eventually, merge};

use crate::cluster::{Cluster, DEADLINE, IMAGE, NODES, Node};
use crate::release::{NAMESPACE, Release};
use crate::wait;

pub(crate) const STATION: &str = "trigpoint.dev/station";
pub(crate) const REVISION: &str = "station.trigpoint.node-restriction.kubernetes.io/revision";

/// Between two looks: the API server shares two processors with all that is looked at.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) struct Fleet<'c> {
    pub(crate) cluster: &'c Cluster,
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
}

impl<'c> Fleet<'c> {
    /// A fleet on the nodes that have our label: tests of a second, one wave, and no
    /// waiting.
    pub(crate) fn create(
        cluster: &'c Cluster,
        namespace: &'static str,
        name: &'static str,
        changes: &Value,
    ) -> Self {
        let mut fleet = json!({
            "apiVersion": "trigpoint.dev/v1alpha1",
            "kind": "MeasurementFleet",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "nodeSelector": {"matchLabels": {STATION: "true"}},
                "template": {
                    "image": IMAGE,
                    "imagePullPolicy": "Never",
                    "server": {"args": ["--test-duration=1s"], "cpu": "200m", "memory": "256Mi"},
                    "traceroute": {"cpu": "50m", "memory": "128Mi"},
                },
                "network": {"profile": "service", "service": {"type": "NodePort"}},
                "drain": {"lameDuck": "2s", "maxTest": "5s", "flush": "30s"},
                "rollout": {
                    "waves": [{"name": "everywhere", "percent": 100, "bake": "0s"}],
                    "minReady": "0s",
                },
            },
        });
        merge(&mut fleet["spec"], changes);
        remove_nulls(&mut fleet);
        cluster.apply(&fleet);
        Self { cluster, namespace, name }
    }

    pub(crate) fn change(&self, changes: &Value) {
        self.cluster.change(&self.path(), &json!({"spec": changes}));
    }

    pub(crate) fn object(&self) -> Value {
        self.cluster.get(&self.path()).unwrap_or_default()
    }

    pub(crate) fn condition(&self, kind: &str) -> Value {
        condition(&self.object(), kind)
    }

    pub(crate) fn node(&self, node: &str) -> Value {
        let path = format!("{}/measurementnodes/{node}", self.ours());
        self.cluster.get(&path).unwrap_or_default()
    }

    pub(crate) fn node_condition(&self, node: &str, kind: &str) -> Value {
        condition(&self.node(node), kind)
    }

    pub(crate) fn delete(&self) {
        self.cluster.delete(&self.path());
    }

    /// As the restore of a backup without statuses does.
    #[track_caller]
    pub(crate) fn wipe_statuses(&self) {
        let nodes = self.cluster.list(&format!("{}/measurementnodes", self.ours()));
        let names = nodes.iter().map(|node| node["metadata"]["name"].as_str().unwrap());
        let nodes = names.map(|name| format!("{}/measurementnodes/{name}", self.ours()));
        for path in nodes.chain([self.path()]) {
            self.cluster.change(&format!("{path}/status"), &json!({"status": Value::Null}));
        }
    }

    /// Waits until every node that qualifies has the wanted revision; its name.
    #[track_caller]
    pub(crate) fn until_up_to_date(&self, nodes: usize) -> String {
        self.until("the fleet is up to date", |fleet| {
            let status = &fleet["status"];
            let is_so = status["observedGeneration"] == fleet["metadata"]["generation"]
                && status["nodes"]["ready"] == nodes
                && status["nodes"]["updated"] == nodes
                && condition(fleet, "Progressing")["reason"] == "UpToDate"
                && status["stableRevision"] == status["targetRevision"];
            is_so.then(|| status["stableRevision"].as_str().unwrap().to_owned())
        })
    }

    /// Waits for what the fleet is to say; at the deadline, says what it says.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let found = catch_unwind(AssertUnwindSafe(|| {
            eventually(DEADLINE, what, || {
                wait(PAUSE);
                last = self.object();
                look(&last)
            })
        }));
        found.unwrap_or_else(|_| {
            let cluster = self.cluster;
            let about = |kind: &str| {
                let get = ["get", kind, "--namespace", self.namespace, "--output", "wide"];
                cluster.kubectl(get).stdout
            };
            let operator = "--selector=app.kubernetes.io/component=operator";
            let logs = cluster.kubectl(["logs", "--namespace", NAMESPACE, "--tail=30", operator]);
            panic!(
                "not so: {what}\nstatus: {:#}\n{}\n{}\n{}",
                last["status"],
                about("mnode"),
                about("pods"),
                logs.stdout
            )
        })
    }

    /// How a client outside of the cluster reaches the station of a node.
    pub(crate) fn address(&self, node: Node) -> String {
        let service = format!("/api/v1/namespaces/{}/services/{}", self.namespace, self.name);
        let port = match self.object()["spec"]["network"]["profile"].as_str().unwrap() {
            "service" => {
                self.cluster.get(&service).unwrap()["spec"]["ports"][0]["nodePort"].clone()
            }
            "hostPort" => self.object()["spec"]["network"]["ports"]["ndt7"].clone(),
            _ => 8080.into(),
        };
        format!("{}:{port}", node.address)
    }

    /// The pods of stations that there are, ending ones too.
    pub(crate) fn pods(&self) -> Vec<Value> {
        let path = format!("/api/v1/namespaces/{}/pods", self.namespace);
        let mut pods = self.cluster.list(&path);
        pods.retain(|pod| {
            let labels = &pod["metadata"]["labels"];
            labels["app.kubernetes.io/component"] == "station"
                && labels["trigpoint.dev/fleet"] == self.name
        });
        pods
    }

    pub(crate) fn pod(&self, node: &str) -> Option<Value> {
        self.pods().into_iter().find(|pod| pod["spec"]["nodeName"] == node)
    }

    /// Tests that the station of a node has put into its spool, by its own account.
    #[track_caller]
    pub(crate) fn spooled(&self, node: Node) -> u64 {
        let pod = self.pod(node.name).unwrap();
        let address = (pod["status"]["podIP"].as_str().unwrap(), 9990);
        let metrics = Namespace::named(node.network).within(|| -> std::io::Result<String> {
            let mut stream = TcpStream::connect(address)?;
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        });
        let metrics = metrics.unwrap();
        let name = r#"trigpoint_recorded_rows_total{table="speed_tests"} "#;
        metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok()).unwrap()
    }

    /// What our label says on that node.
    pub(crate) fn label(&self, node: &str) -> Option<String> {
        let node = self.cluster.get(&format!("/api/v1/nodes/{node}"))?;
        node["metadata"]["labels"][REVISION].as_str().map(str::to_owned)
    }

    fn ours(&self) -> String {
        format!("/apis/trigpoint.dev/v1alpha1/namespaces/{}", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/measurementfleets/{}", self.ours(), self.name)
    }
}

/// In a fleet's change, null takes a field out.
fn remove_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(remove_nulls);
    }
}

/// The release, and a fleet that is up to date on every node; its revision.
#[track_caller]
pub(crate) fn install(cluster: &Cluster) -> (Release<'_>, Fleet<'_>, String) {
    let release = Release::install(cluster, &json!({}));
    label_nodes(cluster);
    let fleet = Fleet::create(cluster, NAMESPACE, "stations", &json!({}));
    let revision = fleet.until_up_to_date(NODES.len());
    (release, fleet, revision)
}

/// Gives every node our label.
pub(crate) fn label_nodes(cluster: &Cluster) {
    for node in NODES {
        cluster.label_node(node.name, STATION, &"true".into());
    }
}

pub(crate) fn condition(object: &Value, kind: &str) -> Value {
    let conditions = object["status"]["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
    found.cloned().unwrap_or_default()
}

/// How long something took, for the figures that a suite prints.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, start: Instant) {
        self.0.push(start.elapsed());
    }

    /// Median and the longest.
    pub(crate) fn figures(&mut self) -> String {
        self.0.sort();
        let median = self.0.get(self.0.len() / 2).copied().unwrap_or_default();
        let longest = self.0.last().copied().unwrap_or_default();
        format!("p50 {:.1} s, max {:.1} s", median.as_secs_f64(), longest.as_secs_f64())
    }
}
