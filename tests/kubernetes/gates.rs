//! What the rows say of a canary decides about the others.

use serde_json::json;

use crate::cluster::{Cluster, NODES};
use crate::fleet::{Fleet, label_nodes};
use crate::release::{NAMESPACE, Release};
use crate::sessions::Clients;

const CANARY: &str = "node2";

#[test]
fn a_throttled_canary_is_paused_and_with_rollback_returned() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    label_nodes(&cluster);
    cluster.label_node(CANARY, "canary", &"true".into());
    let fleet = Fleet::create(
        &cluster,
        NAMESPACE,
        "stations",
        &json!({
            "rollout": {"waves": [
                {"name": "canary", "nodes": {"matchLabels": {"canary": "true"}}, "bake": "5s",
                 "gates": ["throughput"]},
                {"name": "everywhere", "percent": 100, "bake": "0s"},
            ]},
            "gates": [{
                "name": "throughput", "metric": "DownloadThroughput", "baseline": "Stable",
                "marginPercent": 20, "minSamples": 10, "window": "10m", "interval": "10s",
                "failureLimit": 0,
            }],
        }),
    );
    let stable = fleet.until_up_to_date(NODES.len());
    let addresses: Vec<String> = NODES.iter().map(|node| fleet.address(*node)).collect();
    let clients = Clients::start(&cluster, "gates", &addresses);
    // A fifth of the processor that the others have.
    fleet.change(&json!({"template": {"server": {"cpu": "40m"}}}));
    let said = fleet.until("the fleet is paused", |_| {
        let paused = fleet.condition("Paused");
        (paused["reason"] == "GateFailed").then(|| paused["message"].clone())
    });
    println!("{}", said.as_str().unwrap());
    let throttled = fleet.label(CANARY).unwrap();
    assert_ne!(throttled, stable);
    for node in NODES.iter().filter(|node| node.name != CANARY) {
        assert_eq!(fleet.label(node.name), Some(stable.clone()));
    }
    let status = cluster.trigpoint(["fleet", "status", "stations", "--namespace", NAMESPACE]);
    println!("{}", status.expect_code(0).stdout);
    assert!(status.stdout.contains("GateFailed"), "{}", status.stdout);

    fleet.change(&json!({"rollout": {"onFailure": "Rollback"}}));
    fleet.until("the canary is back", |_| {
        let is_back = fleet.label(CANARY).as_ref() == Some(&stable);
        (is_back && fleet.node(CANARY)["status"]["pod"]["ready"] == true).then_some(())
    });
    clients.stop();
}
