//! What the stores hold of one fleet.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Service};
use kube::ResourceExt as _;
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use crate::names;
use crate::watch::{Unreadable, is_of};

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
}

impl View {
    /// A fleet of which there is nothing yet.
    #[cfg(test)]
    pub(crate) fn empty(fleet: MeasurementFleet) -> Self {
        Self {
            fleet: Arc::new(fleet),
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
        }
    }

    pub(crate) fn namespace(&self) -> String {
        self.fleet.namespace().unwrap_or_default()
    }

    pub(crate) fn record(&self, node: &str) -> Option<&Arc<MeasurementNode>> {
        self.records.iter().find(|record| record.spec.node_name == node)
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
