//! The charts, installed as an operator of a network would.

use serde_json::{Value, json};
use trigpoint_testkit::{eventually, merge};

use crate::cluster::{Cluster, DEADLINE, NODES};
use crate::fleet::{REVISION, STATION};

pub(crate) const NAMESPACE: &str = "trigpoint";
/// Where pods may use the nodes' own ports and network.
pub(crate) const PRIVILEGED: &str = "measurement";
const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/trigpoint-crds");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/trigpoint");
/// A researcher's.
const TOKEN: &str = "a-token-of-a-researcher";

pub(crate) struct Release<'c> {
    cluster: &'c Cluster,
    values: Value,
}

impl<'c> Release<'c> {
    /// Both charts on a cluster that may have any remains of a test before.
    #[track_caller]
    pub(crate) fn install(cluster: &'c Cluster, changes: &Value) -> Self {
        prepare(cluster);
        Self::install_prepared(cluster, changes)
    }

    /// The same where the test has put something of its own into the namespace.
    #[track_caller]
    pub(crate) fn install_prepared(cluster: &'c Cluster, changes: &Value) -> Self {
        let mut values = json!({
            "image": {"repository": "localhost/trigpoint", "pullPolicy": "Never"},
            "stationNamespaces": [
                {"name": NAMESPACE},
                {"name": PRIVILEGED, "create": true, "podSecurity": "privileged"},
            ],
            "certificates": {"names": [NODES[0].address]},
            "query": {
                "accountsSecret": "researchers",
                "service": {"type": "NodePort"},
                "resources": small(),
            },
            "collector": {"resources": small()},
            "networkPolicy": {"clusterRanges": ["10.88.0.0/16", "10.96.0.0/16"]},
        });
        merge(&mut values, changes);
        cluster.helm(["upgrade", "--install", "trigpoint-crds", DEFINITIONS]).expect_code(0);
        let release = Self { cluster, values };
        release.upgrade();
        release
    }

    /// Brings the release to its values, and waits until its pods are ready.
    #[track_caller]
    pub(crate) fn upgrade(&self) {
        let file = self.cluster.directory.join("values.json");
        std::fs::write(&file, self.values.to_string()).unwrap();
        let file = file.to_str().unwrap();
        self.cluster
            .helm([
                "upgrade",
                "--install",
                "trigpoint",
                CHART,
                "--namespace",
                NAMESPACE,
                "--values",
                file,
                "--wait",
                "--timeout",
                "3m",
            ])
            .expect_code(0);
    }

    #[track_caller]
    pub(crate) fn set(&mut self, changes: &Value) {
        merge(&mut self.values, changes);
        self.upgrade();
    }

    /// Waits until a session has both rows: what they have in these columns.
    #[track_caller]
    pub(crate) fn until_both_rows(&self, session: &str, columns: &str) -> Vec<Value> {
        let sql = format!(
            "SELECT {columns} FROM (SELECT *, unnest(client_metadata) AS said FROM speed_tests) \
             WHERE said['name'] = 'session' AND said['value'] = '{session}'"
        );
        until_rows(self, "both rows", &sql, |rows| (rows.len() == 2).then(|| rows.to_vec()))
    }

    /// What the query service answers a researcher outside of the cluster.
    #[track_caller]
    pub(crate) fn query(&self, sql: &str) -> Vec<Value> {
        self.try_query(sql).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub(crate) fn try_query(&self, sql: &str) -> Result<Vec<Value>, String> {
        let service = self.cluster.get(&core("services/trigpoint-query")).unwrap();
        let port = &service["spec"]["ports"][0]["nodePort"];
        let endpoint = format!("--endpoint=grpc+tls://{}:{port}", NODES[0].address);
        let template = r#"--template={{index .data "ca.crt" | base64decode}}"#;
        let secret = ["get", "secret", "trigpoint-tls", "--namespace", NAMESPACE, template];
        let authority = self.cluster.directory.join("authority.crt");
        std::fs::write(&authority, &self.cluster.kubectl(secret).expect_code(0).stdout).unwrap();
        let authority = format!("--cacert={}", authority.display());
        let token = format!("--token-file={}", self.cluster.directory.join("token").display());
        let arguments = ["query", &endpoint, &authority, &token, "--format=json", sql];
        let answered = self.cluster.trigpoint(arguments);
        if answered.code() != Some(0) {
            return Err(answered.stderr);
        }
        Ok(serde_json::from_str(&answered.stdout).unwrap())
    }
}

/// The release's namespace, with what a person puts there before.
pub(crate) fn prepare(cluster: &Cluster) {
    remove_remains(cluster);
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }));
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "researchers", "namespace": NAMESPACE},
        "stringData": {"accounts": format!("researcher {TOKEN}\n")},
    }));
    std::fs::write(cluster.directory.join("token"), TOKEN).unwrap();
    volume(cluster);
}

/// Nothing of an earlier test, whatever became of it.
fn remove_remains(cluster: &Cluster) {
    let uninstall = |name: &str, namespace: &str| {
        cluster
            .helm(["uninstall", name, "--namespace", namespace, "--ignore-not-found", "--wait"])
            .expect_code(0);
    };
    uninstall("trigpoint", NAMESPACE);
    // Nobody is there now who would take the fleet's labels from the nodes.
    let fleets = "/apis/trigpoint.dev/v1alpha1/measurementfleets";
    let fleets = cluster.get(fleets).map(|list| list["items"].clone()).unwrap_or_default();
    for fleet in fleets.as_array().into_iter().flatten() {
        let metadata = &fleet["metadata"];
        let path = format!(
            "/apis/trigpoint.dev/v1alpha1/namespaces/{}/measurementfleets/{}",
            metadata["namespace"].as_str().unwrap(),
            metadata["name"].as_str().unwrap(),
        );
        cluster.change(&path, &json!({"metadata": {"finalizers": null}}));
        cluster.delete(&path);
    }
    uninstall("trigpoint-crds", "default");
    for namespace in [NAMESPACE, PRIVILEGED] {
        cluster.delete(&format!("/api/v1/namespaces/{namespace}"));
    }
    cluster.delete("/api/v1/persistentvolumes/tables");
    for node in NODES {
        for label in [STATION, REVISION, "canary"] {
            cluster.label_node(node.name, label, &Value::Null);
        }
    }
}

/// A disk of node 1, as a class of local volumes would give it.
fn volume(cluster: &Cluster) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = cluster.directory.join("tables");
    std::fs::create_dir_all(&path).unwrap();
    // The directory of the test is its own alone.
    for path in [cluster.directory.path(), &path] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": ["node1"]});
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": "tables"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }));
}

/// Three nodes share two processors here.
fn small() -> Value {
    json!({
        "requests": {"cpu": "50m", "memory": "64Mi"},
        "limits": {"memory": "2Gi"},
    })
}

pub(crate) fn core(path: &str) -> String {
    format!("/api/v1/namespaces/{NAMESPACE}/{path}")
}

pub(crate) fn ready_operators(cluster: &Cluster) -> i64 {
    let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trigpoint-operator");
    let deployment = cluster.get(&path).unwrap_or_default();
    deployment["status"]["readyReplicas"].as_i64().unwrap_or(0)
}

/// Waits for something that the tables are to say.
#[track_caller]
pub(crate) fn until_rows<T>(
    release: &Release<'_>,
    what: &str,
    sql: &str,
    mut select: impl FnMut(&[Value]) -> Option<T>,
) -> T {
    let mut last = Ok(Vec::new());
    let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        eventually(DEADLINE, what, || {
            last = release.try_query(sql);
            last.as_ref().ok().and_then(|rows| select(rows))
        })
    }));
    found.unwrap_or_else(|_| panic!("not so: {what}; {sql} answers last {last:?}"))
}
