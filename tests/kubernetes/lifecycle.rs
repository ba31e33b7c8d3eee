//! The release comes, changes and goes; stations, their fleet and the tables stay.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trigpoint_testkit::eventually;

use crate::cluster::{Cluster, DEADLINE, NODES};
use crate::faults::Paced;
use crate::fleet::{self, Fleet};
use crate::release::{NAMESPACE, core, ready_operators, until_rows};
use crate::sessions::{self, Clients, expect_unharmed};

#[test]
fn stations_and_tables_stay_whatever_becomes_of_the_release() {
    let cluster = Cluster::find();
    let (mut release, fleet, revision) = fleet::install(&cluster);
    let stations = running(&fleet);
    let measure = |name: &str| {
        let session = sessions::one(&cluster, &fleet.address(NODES[1]), name);
        assert!(session.is_whole(), "{session:?}");
    };
    measure("before");

    release.set(&json!({"operator": {"log": "trigpoint=debug"}}));
    measure("upgraded");
    let rollback = ["rollback", "trigpoint", "1", "--namespace", NAMESPACE, "--wait"];
    cluster.helm(rollback).expect_code(0);
    measure("rolled-back");
    assert_eq!(running(&fleet), stations);

    cluster.helm(["uninstall", "trigpoint", "--namespace", NAMESPACE, "--wait"]).expect_code(0);
    assert_eq!(ready_operators(&cluster), 0);
    measure("uninstalled");
    assert_eq!(running(&fleet), stations);

    release.upgrade();
    measure("reinstalled");
    assert_eq!(fleet.until_up_to_date(NODES.len()), revision);
    assert_eq!(running(&fleet), stations);
    let sql = "SELECT DISTINCT said['value'] AS name FROM \
               (SELECT unnest(client_metadata) AS said FROM speed_tests) \
               WHERE said['name'] = 'session'";
    // The one of the time without a collector came from the spool of its station.
    until_rows(&release, "the rows of all five", sql, |rows| (rows.len() == 5).then_some(()));
    let tests = cluster.helm(["test", "trigpoint", "--namespace", NAMESPACE, "--timeout", "3m"]);
    tests.expect_code(0);
}

#[test]
fn a_new_certificate_harms_no_test() {
    let cluster = Cluster::find();
    let (release, fleet, _) = fleet::install(&cluster);
    let stations = running(&fleet);
    let addresses: Vec<String> = NODES.iter().map(|node| fleet.address(*node)).collect();
    let _lines = Paced::lines(addresses.len());
    let clients = Clients::start(&cluster, "rotation", &addresses);
    let secret = core("secrets/trigpoint-tls");
    let before = cluster.get(&secret).unwrap();
    cluster.delete(&secret);
    // It is looked for every minute.
    let after = eventually(DEADLINE, "another certificate", || cluster.get(&secret));
    assert_ne!(after["data"]["tls.crt"], before["data"]["tls.crt"]);
    assert_eq!(after["data"]["ca.crt"], before["data"]["ca.crt"]);
    let sessions = clients.finished();
    fleet.until("sessions go on", |_| (clients.finished() >= sessions + 9).then_some(()));
    let sessions = clients.stop();
    let account = expect_unharmed(&release, "rotation", &sessions, &[]);
    assert_eq!(account.sent_away, 0);
    assert_eq!(running(&fleet), stations);
}

/// Each node's station: its pod, and how often its containers were started again.
fn running(fleet: &Fleet<'_>) -> BTreeMap<String, (Value, i64)> {
    let stations = fleet.pods().into_iter().map(|pod| {
        let restarts = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
        let restarts = restarts.filter_map(|container| container["restartCount"].as_i64()).sum();
        let node = pod["spec"]["nodeName"].as_str().unwrap().to_owned();
        (node, (pod["metadata"]["uid"].clone(), restarts))
    });
    stations.collect()
}
