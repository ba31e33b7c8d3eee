//! A collector that dies, or is moved, while people test their lines.

use serde_json::{Value, json};
use trigpoint_testkit::{Certificates, Process, eventually};

use crate::cluster::{Cluster, DEADLINE, NODES, Node};
use crate::faults::Paced;
use crate::fleet::{Fleet, label_nodes};
use crate::release::{NAMESPACE, Release, core, prepare, until_rows};
use crate::sessions::{Clients, expect_unharmed};

const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";
const PORT: u16 = 7070;

/// Where the bucket is: pods come with addresses of their own, to which a node knows
/// the way back.
const BUCKET: Node = NODES[0];

/// A real S3 server, which is no pod, with a certificate of an authority of its own.
fn bucket(cluster: &Cluster, certificates: &Certificates) -> Process {
    let executable = std::env::var_os("VERSITYGW").unwrap_or_else(|| {
        panic!("VERSITYGW names no S3 server: run this suite by `cargo xtask prove kubernetes`")
    });
    let root = cluster.directory.join("s3");
    std::fs::create_dir_all(root.join("lake")).unwrap();
    let mut server = BUCKET.command(executable);
    server.env("ROOT_ACCESS_KEY", ACCESS_KEY).env("ROOT_SECRET_KEY", SECRET_KEY);
    server.args(["--quiet", "--port", &format!("{}:{PORT}", BUCKET.address)]);
    server.arg("--cert").arg(&certificates.certificate).arg("--key").arg(&certificates.key);
    server.arg("posix").arg(root);
    Process::start(&mut server)
}

#[test]
fn nothing_is_lost_when_collectors_die_and_move() {
    let cluster = Cluster::find();
    let certificates = Certificates::make(&cluster.directory, &[BUCKET.address]);
    let _bucket = bucket(&cluster, &certificates);
    prepare(&cluster);
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "store", "namespace": NAMESPACE},
        "data": {"ca.crt": std::fs::read_to_string(&certificates.authority).unwrap()},
    }));
    cluster.apply(&json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "store", "namespace": NAMESPACE},
        "stringData": {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY},
    }));
    let release = Release::install_prepared(
        &cluster,
        &json!({
            "lake": {"mode": "objectStore", "objectStore": {
                "url": "s3://lake/tables",
                "environment": {
                    "AWS_ENDPOINT_URL": format!("https://{}:{PORT}", BUCKET.address),
                    "AWS_REGION": "us-east-1",
                },
                "credentialsSecret": "store",
                "authorityConfigMap": "store",
            }},
            "collector": {"replicas": 1},
        }),
    );
    label_nodes(&cluster);
    let fleet = Fleet::create(&cluster, NAMESPACE, "stations", &json!({}));
    fleet.until_up_to_date(NODES.len());
    let addresses: Vec<String> = NODES.iter().map(|node| fleet.address(*node)).collect();
    let _lines = Paced::lines(addresses.len());
    let clients = Clients::start(&cluster, "collector", &addresses);
    fleet.until("sessions go on", |_| (clients.finished() >= 3).then_some(()));

    // Killed without a word.
    let before = collector(&cluster);
    let pod = format!("pod/{}", name(&before));
    cluster
        .kubectl(["delete", &pod, "--namespace", NAMESPACE, "--grace-period=0", "--force"])
        .expect_code(0);
    let after = ready_collector(&cluster, &[&before]);
    // Moved to another node.
    let node = after["spec"]["nodeName"].as_str().unwrap().to_owned();
    cluster.kubectl(["cordon", &node]).expect_code(0);
    cluster.delete(&core(&format!("pods/{}", name(&after))));
    let moved = ready_collector(&cluster, &[&before, &after]);
    cluster.kubectl(["uncordon", &node]).expect_code(0);
    assert_ne!(moved["spec"]["nodeName"], node.as_str());

    let finished = clients.finished();
    fleet.until("sessions go on", |_| (clients.finished() >= finished + 6).then_some(()));
    let sessions = clients.stop();
    let account = expect_unharmed(&release, "collector", &sessions, &[]);
    assert_eq!(account.sent_away, 0);
    // Each batch of each spool is there once: no number is missing, none came twice.
    let sql = "SELECT count(*) AS lost FROM stations WHERE event IN ('rows_lost', 'gap')";
    until_rows(&release, "nothing was lost", sql, |rows| (rows[0]["lost"] == 0).then_some(()));
    let twice = "SELECT count(*) AS twice FROM \
                 (SELECT flow_id FROM flows GROUP BY flow_id HAVING count(*) > 1)";
    let twice = release.query(twice);
    assert_eq!(twice[0]["twice"], 0, "{twice:?}");
}

fn collector(cluster: &Cluster) -> Value {
    collectors(cluster).into_iter().next().unwrap()
}

fn collectors(cluster: &Cluster) -> Vec<Value> {
    let mut pods = cluster.list(&core("pods"));
    pods.retain(|pod| pod["metadata"]["labels"]["app.kubernetes.io/component"] == "collector");
    pods
}

#[track_caller]
fn ready_collector(cluster: &Cluster, earlier: &[&Value]) -> Value {
    eventually(DEADLINE, "another collector is ready", || {
        collectors(cluster).into_iter().find(|pod| {
            let conditions = pod["status"]["conditions"].as_array();
            let is_ready = conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
            is_ready && earlier.iter().all(|earlier| name(earlier) != name(pod))
        })
    })
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}
