//! What the stores hold, as the planner sees it.

pub(crate) mod facts;
pub(crate) mod node;
pub(crate) mod pod;
mod probe;
mod record;
mod revision;
mod seen;
pub(crate) mod self_test;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt as _;
use trigpoint_rollout::{Observed, Time};

pub(crate) use facts::of_probes;
pub(crate) use record::drain_of;
pub(crate) use seen::Seen;

use crate::error::Stop;
use crate::view::View;
use crate::{ledger, selector};

/// All that is seen of a fleet, with the best answers that they could give who are not
/// asked yet: what a plan would do then is what is worth asking for.
pub(crate) fn observed(view: &View, seen: &mut Seen, now: Time) -> Result<Observed, Stop> {
    let (ledger, ledger_version) = ledger::read(view.ledger.as_deref())?;
    let mut nodes = BTreeMap::new();
    seen.look_as(&view.fleet);
    for node in &view.nodes {
        let name = node.name_any();
        let is_seen = is_concerned(view, node, &name)
            || ledger.claims.contains_key(&name)
            || view.stations_on(&name).next().is_some();
        if is_seen && !view.is_obscure(&name) {
            let node = seen.node(view, &name, node);
            nodes.insert(name, node);
        }
    }
    seen.retain(|name| nodes.contains_key(name));
    for record in &view.records {
        let name = &record.spec.node_name;
        if view.node(name).is_none() {
            nodes.insert(name.clone(), Arc::new(node::vanished(view, record, now)));
        }
    }
    Ok(Observed {
        nodes,
        revisions: revision::revisions(view),
        ledger,
        ledger_version,
        is_collector_up: true,
    })
}

/// The selector matches it and no other fleet was first, or it carries a label of the
/// fleet.
fn is_concerned(view: &View, node: &Node, name: &str) -> bool {
    let is_labelled = node::label(node).is_some_and(|label| label.fleet() == view.fleet.name_any());
    let is_free = !view.taken.contains_key(name);
    let is_selected = selector::matches(&view.fleet.spec.node_selector, node.labels());
    is_labelled || (is_free && is_selected)
}

/// Names of the waves whose selector matches the node.
fn waves(view: &View, labels: &BTreeMap<String, String>) -> BTreeSet<String> {
    let waves = &view.fleet.spec.rollout.waves;
    waves
        .iter()
        .filter(|wave| wave.nodes.as_ref().is_some_and(|nodes| selector::matches(nodes, labels)))
        .map(|wave| wave.name.clone())
        .collect()
}
