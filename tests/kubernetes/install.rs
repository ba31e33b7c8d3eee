//! From nothing to rows, by the charts.

use serde_json::Value;
use trigpoint_testkit::eventually;

use crate::cluster::{Cluster, DEADLINE, NODES, OUTSIDE_ADDRESS};
use crate::release::NAMESPACE;
use crate::{fleet, sessions};

#[test]
fn a_fleet_is_installed_and_measures() {
    let cluster = Cluster::find();
    let (release, fleet, revision) = fleet::install(&cluster);
    for node in NODES {
        let name = format!("installed-{}", node.name);
        let session = sessions::one(&cluster, &fleet.address(node), &name);
        assert!(session.is_whole(), "{session:?}");
        for row in release.until_both_rows(&name, "machine, revision, client_ip") {
            assert_eq!(row["machine"], node.name, "{row}");
            assert_eq!(row["revision"], revision.as_str(), "{row}");
            assert_eq!(row["client_ip"], OUTSIDE_ADDRESS, "{row}");
        }
    }
    for pod in fleet.pods() {
        expect_no_token_of_the_api_server(&pod);
    }
    // A collector looks every half minute which revision is the stable one.
    let mut tries = 0;
    eventually(DEADLINE, "rows say that the revision is the stable one", || {
        tries += 1;
        let name = format!("arm-{tries}");
        assert!(sessions::one(&cluster, &fleet.address(NODES[0]), &name).is_whole());
        let arm = &release.until_both_rows(&name, "arm")[0]["arm"];
        assert!(arm.is_null() || *arm == "stable", "{arm}");
        (*arm == "stable").then_some(())
    });
    let test = cluster.helm(["test", "trigpoint", "--namespace", NAMESPACE, "--timeout", "3m"]);
    test.expect_code(0);
}

/// Whoever takes a station over has no way into the cluster.
#[track_caller]
fn expect_no_token_of_the_api_server(pod: &Value) {
    let spec = &pod["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false, "{spec}");
    let sources = spec["volumes"].as_array().unwrap().iter();
    let sources = sources.filter_map(|volume| volume["projected"]["sources"].as_array()).flatten();
    let tokens: Vec<&Value> = sources
        .map(|source| &source["serviceAccountToken"])
        .filter(|token| !token.is_null())
        .collect();
    assert_eq!(tokens.len(), 1, "{spec}");
    assert_eq!(tokens[0]["audience"], "trigpoint-collector");
}
