//! The graph in a row of `traces`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;
use trigpoint_testkit::lab::Plan;

/// Its links from the source are no edges of a plan. `None` where a vertex never answered.
pub(crate) fn graph(row: &Value) -> Option<Plan> {
    let list = |name: &str| row[name].as_array().unwrap().clone();
    let number = |item: &Value, name: &str| item[name].as_u64().unwrap();
    let mut graph = Plan::default();
    let mut addresses: BTreeMap<(u64, u64), IpAddr> = BTreeMap::new();
    for node in list("nodes") {
        let (ttl, ip) = (number(&node, "ttl"), node["ip"].as_str()?.parse().unwrap());
        graph.vertices.insert((ttl as u8, ip));
        addresses.insert((ttl, number(&node, "node")), ip);
    }
    for link in list("links") {
        let ttl = number(&link, "ttl");
        if ttl > 0 {
            let from = addresses[&(ttl, number(&link, "from_node"))];
            let to = addresses[&(ttl + 1, number(&link, "to_node"))];
            graph.edges.insert((ttl as u8, from, to));
        }
    }
    Some(graph)
}
