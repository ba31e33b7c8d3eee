//! Nodes as they were seen last: what has not changed is not looked at again.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node as ApiNode, Pod};
use trigpoint_crd::{MeasurementFleet, MeasurementNode};
use trigpoint_rollout::Node;

use super::{node, pod};
use crate::view::View;

/// What was seen of a fleet's nodes, for the next time.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    fleet: Option<Arc<MeasurementFleet>>,
    nodes: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    sources: Sources,
    node: Arc<Node>,
}

/// All objects by which a node is what it is.  Stores hold an object until there is
/// another one, so the same allocation is the same object.
#[derive(Debug)]
struct Sources {
    node: Arc<ApiNode>,
    record: Option<Arc<MeasurementNode>>,
    pods: Vec<Arc<Pod>>,
}

impl Seen {
    /// Another specification sees all nodes with other eyes.
    pub(super) fn look_as(&mut self, fleet: &Arc<MeasurementFleet>) {
        let is_known = self.fleet.as_ref().is_some_and(|known| {
            Arc::ptr_eq(known, fleet)
                || (known.metadata.uid == fleet.metadata.uid && known.spec == fleet.spec)
        });
        if !is_known {
            self.nodes.clear();
        }
        self.fleet = Some(Arc::clone(fleet));
    }

    /// A node that is there.
    pub(super) fn node(&mut self, view: &View, name: &str, api: &Arc<ApiNode>) -> Arc<Node> {
        // How a station ended is in no store.
        if view.departed.iter().any(|left| pod::node(left) == Some(name)) {
            self.nodes.remove(name);
            return Arc::new(node::present(view, api));
        }
        let record = view.record(name);
        if let Some(entry) = self.nodes.get(name)
            && entry.sources.are(api, record, pods(view, name, api, record))
        {
            return Arc::clone(&entry.node);
        }
        let node = Arc::new(node::present(view, api));
        let sources = Sources {
            node: Arc::clone(api),
            record: record.map(Arc::clone),
            pods: pods(view, name, api, record).map(Arc::clone).collect(),
        };
        self.nodes.insert(name.to_owned(), Entry { sources, node: Arc::clone(&node) });
        node
    }

    /// Forgets nodes that are not seen any more.
    pub(super) fn retain(&mut self, is_seen: impl Fn(&str) -> bool) {
        self.nodes.retain(|name, _| is_seen(name));
    }
}

impl Sources {
    fn are<'a>(
        &self,
        node: &Arc<ApiNode>,
        record: Option<&Arc<MeasurementNode>>,
        mut pods: impl Iterator<Item = &'a Arc<Pod>>,
    ) -> bool {
        let is_same_record = match (&self.record, record) {
            (Some(held), Some(record)) => Arc::ptr_eq(held, record),
            (None, None) => true,
            _ => false,
        };
        let mut held = self.pods.iter();
        Arc::ptr_eq(&self.node, node)
            && is_same_record
            && pods.all(|pod| held.next().is_some_and(|held| Arc::ptr_eq(held, pod)))
            && held.next().is_none()
    }
}

/// Stations on a node, the tests of them and of the node, and the node's probes.
fn pods<'a>(
    view: &'a View,
    name: &'a str,
    node: &'a ApiNode,
    record: Option<&'a Arc<MeasurementNode>>,
) -> impl Iterator<Item = &'a Arc<Pod>> {
    let stations = view.stations_on(name).flat_map(|station| {
        let uid = station.metadata.uid.as_deref();
        std::iter::once(station).chain(uid.into_iter().flat_map(|uid| view.tests_of(uid)))
    });
    let of_node = node.metadata.uid.as_deref().into_iter().flat_map(|uid| view.tests_on(uid));
    let probes = record.into_iter().flat_map(|record| view.probes_of(&record.spec.node_uid));
    stations.chain(of_node).chain(probes)
}
