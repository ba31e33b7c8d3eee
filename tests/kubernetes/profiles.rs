//! Each way by which clients reach a station.

use serde_json::json;

use crate::cluster::{Cluster, NODES, OUTSIDE_ADDRESS};
use crate::fleet::{Fleet, label_nodes};
use crate::release::{PRIVILEGED, Release};
use crate::sessions;

/// Nodes' own ports, and nodes' own network: the client's address survives in both, as
/// it does by a Service.
#[test]
fn a_station_is_reached_by_the_nodes_own_ports_and_network() {
    let cluster = Cluster::find();
    let release = Release::install(&cluster, &json!({}));
    label_nodes(&cluster);
    expect_ports_and_network_of_nodes(&cluster, &release);
}

#[track_caller]
pub(crate) fn expect_ports_and_network_of_nodes(cluster: &Cluster, release: &Release<'_>) {
    let network = [
        (
            "hostport",
            json!({"profile": "hostPort", "service": null, "ports": {"ndt7": 8180, "ndt7Tls": 8543}}),
        ),
        ("host", json!({"profile": "host", "service": null})),
    ];
    for (name, network) in network {
        let fleet = Fleet::create(cluster, PRIVILEGED, name, &json!({"network": network}));
        let revision = fleet.until_up_to_date(NODES.len());
        for node in NODES {
            let session = format!("{name}-{}", node.name);
            let tested = sessions::one(cluster, &fleet.address(node), &session);
            assert!(tested.is_whole(), "{tested:?}");
            for row in release.until_both_rows(&session, "machine, revision, client_ip") {
                assert_eq!(row["machine"], node.name, "{row}");
                assert_eq!(row["revision"], revision.as_str(), "{row}");
                assert_eq!(row["client_ip"], OUTSIDE_ADDRESS, "{row}");
            }
        }
        // The nodes are free for the next.
        fleet.delete();
        for node in NODES {
            assert_eq!(fleet.label(node.name), None);
        }
    }
}
