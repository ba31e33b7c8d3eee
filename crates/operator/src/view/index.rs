//! Where things are among the objects of a view.

use std::collections::HashMap;

use kube::ResourceExt as _;

use super::{View, is_for};
use crate::names;
use crate::observed::pod;

/// Positions in a view's lists, so that a plan for a thousand nodes does not look
/// through a thousand pods for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// By name.
    pub(super) nodes: HashMap<String, usize>,
    pub(super) nodes_by_uid: HashMap<String, usize>,
    /// By name of the node.
    pub(super) records: HashMap<String, usize>,
    /// By uid.
    pub(super) pods: HashMap<String, usize>,
    /// By name of the node that they are on, or are to be on.
    pub(super) stations: HashMap<String, Vec<usize>>,
    /// By uid of the node.
    pub(super) probes: HashMap<String, Vec<usize>>,
    /// By uid of the node whose station was tested.
    pub(super) tests_of_nodes: HashMap<String, Vec<usize>>,
    /// By uid of the pod that was tested.
    pub(super) tests_of_pods: HashMap<String, Vec<usize>>,
}

impl Index {
    pub(super) fn of(view: &View) -> Self {
        let mut index = Self::default();
        for (position, node) in view.nodes.iter().enumerate() {
            index.nodes.insert(node.name_any(), position);
            index.nodes_by_uid.extend(node.uid().map(|uid| (uid, position)));
        }
        for (position, record) in view.records.iter().enumerate() {
            index.records.insert(record.spec.node_name.clone(), position);
        }
        for (position, pod) in view.pods.iter().enumerate() {
            index.pods.extend(pod.uid().map(|uid| (uid, position)));
            let mut add = |to: fn(&mut Self) -> &mut HashMap<String, Vec<usize>>, key: &str| {
                to(&mut index).entry(key.to_owned()).or_default().push(position);
            };
            let node_uid = pod.annotations().get(names::NODE_UID);
            if is_for(pod.as_ref(), names::STATION)
                && let Some(node) = pod::node(pod)
            {
                add(|index| &mut index.stations, node);
            } else if is_for(pod.as_ref(), names::PROBE)
                && let Some(uid) = node_uid
            {
                add(|index| &mut index.probes, uid);
            } else if is_for(pod.as_ref(), names::SELF_TEST) {
                if let Some(uid) = node_uid {
                    add(|index| &mut index.tests_of_nodes, uid);
                }
                if let Some(uid) = pod.labels().get(names::TESTED_POD) {
                    add(|index| &mut index.tests_of_pods, uid);
                }
            }
        }
        index
    }
}
