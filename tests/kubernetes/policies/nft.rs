//! NetworkPolicies as rules of nftables.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};
use serde_json::Value;

/// What the API server has, and which pod has which address.
pub(crate) struct World {
    pub(crate) policies: Vec<Value>,
    pub(crate) namespaces: Vec<Value>,
    pub(crate) pods: Vec<Linked>,
}

/// A pod with an address of its own; those on their node's network are none here.
pub(crate) struct Linked {
    pub(crate) node: &'static str,
    pub(crate) address: String,
    pub(crate) pod: Value,
}

/// Words for it in policies and in nftables.
struct Direction {
    kind: &'static str,
    rules: &'static str,
    peers: &'static str,
    own: &'static str,
    other: &'static str,
    interface: &'static str,
}

const EGRESS: Direction = Direction {
    kind: "Egress",
    rules: "egress",
    peers: "to",
    own: "saddr",
    other: "daddr",
    interface: "iifname",
};
const INGRESS: Direction = Direction {
    kind: "Ingress",
    rules: "ingress",
    peers: "from",
    own: "daddr",
    other: "saddr",
    interface: "oifname",
};

impl World {
    /// The table of a node, in the place of the one before, in one transaction.
    ///
    /// Addresses are those behind kube-proxy's translation, as in most networks that
    /// enforce policies. What a node sends to its own pods always passes.
    pub(crate) fn table(&self, node: &str) -> String {
        let chains = [EGRESS, INGRESS].map(|direction| self.chains(node, &direction)).concat();
        let known = "ct state established,related accept";
        format!(
            "table inet policies\ndelete table inet policies\ntable inet policies {{\n{chains}\
             chain forward {{ type filter hook forward priority filter\n{known}\n\
             jump egress\njump ingress\n}}\n\
             chain input {{ type filter hook input priority filter\n{known}\njump egress\n}}\n}}\n"
        )
    }

    /// A chain for each pod of the node, and one that leads to them. Who is not known
    /// yet has to wait.
    fn chains(&self, node: &str, direction: &Direction) -> String {
        let Direction { rules: name, own, interface, .. } = direction;
        let (mut chains, mut places) = (Vec::new(), Vec::new());
        for linked in self.pods.iter().filter(|linked| linked.node == node) {
            let address = &linked.address;
            let rules = self.rules(&linked.pod, direction).join("\n");
            chains.push(format!("chain {name}-{address} {{\n{rules}\n}}\n"));
            places.push(format!("{address} : goto {name}-{address}"));
        }
        let known = set(places).map(|places| format!("ip {own} vmap {places}\n"));
        let known = known.unwrap_or_default();
        chains.push(format!("chain {name} {{\n{known}{interface} \"veth*\" drop\n}}\n"));
        chains.concat()
    }

    /// What a pod may do: without a policy, everything.
    fn rules(&self, pod: &Value, direction: &Direction) -> Vec<String> {
        let is_for_it = |policy: &&Value| {
            policy["metadata"]["namespace"] == pod["metadata"]["namespace"]
                && list(&policy["spec"]["policyTypes"]).iter().any(|kind| kind == direction.kind)
                && selects(&policy["spec"]["podSelector"], pod)
        };
        let mut policies = self.policies.iter().filter(is_for_it).peekable();
        let end = policies.peek().map(|_| "drop".to_owned());
        let allowed = policies.flat_map(|policy| list(&policy["spec"][direction.rules]));
        let allowed = allowed.flat_map(|rule| {
            let ports = any_or(list(&rule["ports"]), |port| self.port(port));
            any_or(list(&rule[direction.peers]), |peer| self.peer(peer, pod, direction))
                .into_iter()
                .flat_map(move |peer| {
                    ports.clone().into_iter().map(move |port| format!("{peer} {port} return"))
                })
        });
        allowed.chain(end).collect()
    }

    fn peer(&self, peer: &Value, pod: &Value, direction: &Direction) -> Option<String> {
        let side = direction.other;
        if let Some(range) = peer["ipBlock"]["cidr"].as_str() {
            let family = if range.contains(':') { "ip6" } else { "ip" };
            let mut matches = vec![format!("{family} {side} {range}")];
            let except = list(&peer["ipBlock"]["except"]).iter().filter_map(Value::as_str);
            matches.extend(except.map(|range| format!("{family} {side} != {range}")));
            return Some(matches.join(" "));
        }
        let is_meant = |linked: &&Linked| {
            let namespace = &linked.pod["metadata"]["namespace"];
            let is_there = match &peer["namespaceSelector"] {
                Value::Null => *namespace == pod["metadata"]["namespace"],
                selector => self.namespaces.iter().any(|object| {
                    object["metadata"]["name"] == *namespace && selects(selector, object)
                }),
            };
            is_there && selects(&peer["podSelector"], &linked.pod)
        };
        let addresses = self.pods.iter().filter(is_meant).map(|linked| linked.address.clone());
        set(addresses).map(|addresses| format!("ip {side} {addresses}"))
    }

    fn port(&self, port: &Value) -> Option<String> {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let name = protocol.to_lowercase();
        Some(match (&port["port"], &port["endPort"]) {
            (Value::Null, _) => format!("meta l4proto {name}"),
            (Value::String(_), _) => {
                let places = self.pods.iter().flat_map(|Linked { address, pod, .. }| {
                    let containers = list(&pod["spec"]["containers"]).iter();
                    let ports = containers.flat_map(|container| list(&container["ports"]));
                    let named = ports.filter(|named| {
                        named["name"] == port["port"]
                            && named["protocol"].as_str().unwrap_or("TCP") == protocol
                    });
                    named.map(move |named| format!("{address} . {}", named["containerPort"]))
                });
                format!("ip daddr . {name} dport {}", set(places)?)
            }
            (first, Value::Null) => format!("{name} dport {first}"),
            (first, last) => format!("{name} dport {first}-{last}"),
        })
    }
}

/// Matches for what is listed; one that everything passes if nothing is.
fn any_or(listed: &[Value], one: impl FnMut(&Value) -> Option<String>) -> Vec<String> {
    if listed.is_empty() { vec![String::new()] } else { listed.iter().filter_map(one).collect() }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Without a selector, everything.
fn selects(selector: &Value, object: &Value) -> bool {
    let selector: Option<LabelSelector> = serde_json::from_value(selector.clone()).unwrap();
    let labels: Option<BTreeMap<String, String>> =
        serde_json::from_value(object["metadata"]["labels"].clone()).unwrap();
    let selector = selector.map(|selector| Selector::try_from(selector).unwrap());
    selector.is_none_or(|selector| selector.matches(&labels.unwrap_or_default()))
}

/// nftables knows no empty set.
fn set(elements: impl IntoIterator<Item = String>) -> Option<String> {
    let elements: Vec<String> = elements.into_iter().collect();
    (!elements.is_empty()).then(|| format!("{{ {} }}", elements.join(", ")))
}
