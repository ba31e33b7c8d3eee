//! What the stores hold of one fleet.

mod index;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Service};
use kube::ResourceExt as _;
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use crate::names;
use crate::observed::pod;
use crate::watch::{Unreadable, is_of};
use index::{Index, Positions};

/// A snapshot, each part as old as its watch is late.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) fleet: Arc<MeasurementFleet>,
    /// Of the whole cluster.
    pub(crate) nodes: Vec<Arc<Node>>,
    /// All of the rest are the fleet's own.
    pub(crate) records: Vec<Arc<MeasurementNode>>,
    pub(crate) pods: Vec<Arc<Pod>>,
    /// Pods that left since the last round, as they were last seen.
    pub(crate) departed: Vec<Pod>,
    pub(crate) revisions: Vec<Arc<ControllerRevision>>,
    pub(crate) daemon_sets: Vec<Arc<DaemonSet>>,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) ledger: Option<Arc<ConfigMap>>,
    /// Nodes of which another fleet of the namespace has the record, with its name.
    pub(crate) taken: BTreeMap<String, String>,
    /// Objects of whatever fleet that are there and cannot be read.
    pub(crate) unreadable: Vec<Arc<Unreadable>>,
    /// Namespace of an older fleet of the same name: a node's label knows a fleet by
    /// its name alone.
    pub(crate) rival: Option<String>,
    /// How long it took to gather all that.
    pub(crate) took: Duration,
    /// Made when it is first asked; the lists stay as they are from then on.
    pub(crate) index: OnceLock<Index>,
}

impl View {
    /// Of a fleet that has nothing yet.
    pub(crate) fn of(fleet: Arc<MeasurementFleet>) -> Self {
        Self {
            fleet,
            nodes: Vec::new(),
            records: Vec::new(),
            pods: Vec::new(),
            departed: Vec::new(),
            revisions: Vec::new(),
            daemon_sets: Vec::new(),
            services: Vec::new(),
            ledger: None,
            taken: BTreeMap::new(),
            unreadable: Vec::new(),
            rival: None,
            took: Duration::ZERO,
            index: OnceLock::new(),
        }
    }

    pub(crate) fn namespace(&self) -> String {
        self.fleet.namespace().unwrap_or_default()
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::of(self))
    }

    pub(crate) fn node(&self, name: &str) -> Option<&Arc<Node>> {
        let mut found = self.index().nodes.find(name).map(|position| &self.nodes[position]);
        found.find(|node| node.metadata.name.as_deref() == Some(name))
    }

    /// Whether that very node is there, and not only one of its name.
    pub(crate) fn has_node(&self, uid: &str) -> bool {
        let mut found = self.index().nodes_by_uid.find(uid);
        found.any(|position| self.nodes[position].metadata.uid.as_deref() == Some(uid))
    }

    pub(crate) fn record(&self, node: &str) -> Option<&Arc<MeasurementNode>> {
        let mut found = self.index().records.find(node).map(|position| &self.records[position]);
        found.find(|record| record.spec.node_name == node)
    }

    pub(crate) fn pod(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.pods_at(&self.index().pods, uid, |pod| pod.metadata.uid.as_deref()).next()
    }

    /// Stations on that node, or on their way to it.
    pub(crate) fn stations_on<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_at(&self.index().stations, node, pod::node)
    }

    /// Probes of the node with that uid.
    pub(crate) fn probes_of<'a>(&'a self, node_uid: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_at(&self.index().probes, node_uid, index::node_uid)
    }

    /// Tests of stations of the node with that uid.
    pub(crate) fn tests_on<'a>(&'a self, node_uid: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_at(&self.index().tests_of_nodes, node_uid, index::node_uid)
    }

    /// Tests of the station with that uid.
    pub(crate) fn tests_of<'a>(&'a self, pod_uid: &str) -> impl Iterator<Item = &'a Arc<Pod>> {
        self.pods_at(&self.index().tests_of_pods, pod_uid, index::tested_pod)
    }

    fn pods_at<'a>(
        &'a self,
        positions: &'a Positions,
        key: &str,
        key_of: fn(&Pod) -> Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<Pod>> {
        let found = positions.find(key).map(|position| &self.pods[position]);
        found.filter(move |pod| key_of(pod) == Some(key))
    }

    /// Whether the node's record is there and cannot be read.  Nobody can say then what
    /// the node has and what a person wants of it, so it is left as it is.
    pub(crate) fn is_obscure(&self, node: &str) -> bool {
        self.unreadable.iter().any(|object| {
            object.kind == "MeasurementNode"
                && object.metadata.namespace == self.fleet.namespace()
                && object.metadata.name.as_deref() == Some(node)
        })
    }

    /// Of the fleet, and cannot be read.
    pub(crate) fn own_unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        let (namespace, name) = (self.fleet.namespace(), self.fleet.name_any());
        self.unreadable
            .iter()
            .map(AsRef::as_ref)
            .filter(move |object| is_of(&object.metadata, namespace.as_ref(), &name))
    }

    pub(crate) fn revision(&self, name: &str) -> Option<&Arc<ControllerRevision>> {
        self.revisions.iter().find(|revision| revision.name_any() == name)
    }

    /// The fleet's pods that are for that.
    pub(crate) fn pods_for(&self, component: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.pods.iter().filter(move |pod| is_for(pod.as_ref(), component))
    }
}

/// Whether an object says that it is for that.
pub(crate) fn is_for(object: &impl kube::ResourceExt, component: &str) -> bool {
    object.labels().get(names::COMPONENT).is_some_and(|value| value == component)
}
