//! What does not fit: one clear line with the remedy, and no station is harmed.

use serde_json::{Value, json};

use crate::cluster::{Cluster, NODES};
use crate::fleet::{Fleet, label_nodes};
use crate::release::{NAMESPACE, Release};

#[test]
fn what_does_not_fit_is_told_and_takes_no_station_away() {
    let cluster = Cluster::find();
    let _release = Release::install(&cluster, &json!({}));
    label_nodes(&cluster);

    // A namespace without the level that nodes' ports want.
    let ports = json!({"profile": "hostPort", "service": null});
    let fleet = Fleet::create(&cluster, NAMESPACE, "ports", &json!({"network": ports}));
    expect(&fleet, "Degraded", "NamespaceNotPrivileged", "hostPort");
    fleet.delete();

    let fleet = Fleet::create(
        &cluster,
        NAMESPACE,
        "stations",
        &json!({
            "qualification": {"requireCongestionControl": ["bbr3"]},
        }),
    );
    expect(&fleet, "Qualified", "NoQualifiedNodes", "");
    for node in NODES {
        fleet.until("each node says why", |_| {
            let qualified = fleet.node_condition(node.name, "Qualified");
            (qualified["reason"] == "CongestionControlMissing").then_some(())
        });
    }
    fleet.change(&json!({"qualification": {"requireCongestionControl": ["bbr"]}}));
    let good = fleet.until_up_to_date(NODES.len());

    // An image that is not there, and one that is something else.
    for (image, why) in
        [("localhost/trigpoint:none", "is not present"), ("localhost/busybox:1", "no such file")]
    {
        fleet.change(&json!({"template": {"image": image}}));
        expect(&fleet, "Progressing", "ProbeFailed", why);
        println!("{image}: {}", fleet.condition("Progressing")["message"]);
        expect_everywhere(&fleet, &good);
    }
    // A Secret that nobody has made.
    fleet.change(&json!({
        "template": {"image": crate::cluster::IMAGE}, "network": {"tlsSecretName": "nobody-s"},
    }));
    expect(&fleet, "Progressing", "ProbeFailed", "secret \"nobody-s\" not found");
    expect_everywhere(&fleet, &good);
    fleet.change(&json!({"network": {"tlsSecretName": Value::Null}}));
    assert_eq!(fleet.until_up_to_date(NODES.len()), good);
}

#[track_caller]
fn expect(fleet: &Fleet<'_>, condition: &str, reason: &str, word: &str) {
    fleet.until(reason, |_| {
        let told = fleet.condition(condition);
        let is_so = told["reason"] == reason
            && told["message"].as_str().is_some_and(|message| message.contains(word));
        is_so.then_some(())
    });
}

#[track_caller]
fn expect_everywhere(fleet: &Fleet<'_>, revision: &str) {
    for node in NODES {
        assert_eq!(fleet.label(node.name).as_deref(), Some(revision));
    }
}
