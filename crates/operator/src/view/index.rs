//! Where things are among the objects of a view.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;

use super::View;
use crate::names;
use crate::observed::pod;

/// Positions in a view's lists, so that a plan for a thousand nodes does not look
/// through a thousand pods for each.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// By name.
    pub(super) nodes: Positions,
    pub(super) nodes_by_uid: Positions,
    /// By name of the node.
    pub(super) records: Positions,
    /// By uid.
    pub(super) pods: Positions,
    /// By name of the node that they are on, or are to be on.
    pub(super) stations: Positions,
    /// By uid of the node.
    pub(super) probes: Positions,
    /// By uid of the node whose station was tested.
    pub(super) tests_of_nodes: Positions,
    /// By uid of the pod that was tested.
    pub(super) tests_of_pods: Positions,
}

impl Index {
    pub(super) fn of(view: &View) -> Self {
        let (mut stations, mut probes, mut tests) = (Vec::new(), Vec::new(), Vec::new());
        for (position, pod) in view.pods.iter().enumerate() {
            let component = pod.labels().get(names::COMPONENT).map_or("", String::as_str);
            match component {
                names::STATION => stations.push((position, pod.as_ref())),
                names::PROBE => probes.push((position, pod.as_ref())),
                names::SELF_TEST => tests.push((position, pod.as_ref())),
                _ => {}
            }
        }
        let by = |pods: &[(usize, &Pod)], key: fn(&Pod) -> Option<&str>| {
            Positions::of(pods.iter().map(|(position, pod)| (*position, key(pod))))
        };
        let nodes = || view.nodes.iter().enumerate();
        let records = view.records.iter().enumerate();
        let pods = view.pods.iter().enumerate();
        Self {
            nodes: Positions::of(nodes().map(|(at, node)| (at, node.metadata.name.as_deref()))),
            nodes_by_uid: Positions::of(
                nodes().map(|(at, node)| (at, node.metadata.uid.as_deref())),
            ),
            records: Positions::of(records.map(|(at, r)| (at, Some(r.spec.node_name.as_str())))),
            pods: Positions::of(pods.map(|(at, pod)| (at, pod.metadata.uid.as_deref()))),
            stations: by(&stations, pod::node),
            probes: by(&probes, node_uid),
            tests_of_nodes: by(&tests, node_uid),
            tests_of_pods: by(&tests, tested_pod),
        }
    }
}

/// Of the node that a probe or a test is about.
pub(super) fn node_uid(pod: &Pod) -> Option<&str> {
    pod.annotations().get(names::NODE_UID).map(String::as_str)
}

/// Of the station that a test is about.
pub(super) fn tested_pod(pod: &Pod) -> Option<&str> {
    pod.labels().get(names::TESTED_POD).map(String::as_str)
}

/// Positions by the hash of a key that the objects have themselves: none is copied.
#[derive(Debug, Clone)]
pub(super) struct Positions(Vec<(u64, usize)>);

impl Positions {
    fn of<'a>(keys: impl Iterator<Item = (usize, Option<&'a str>)>) -> Self {
        let mut all: Vec<_> =
            keys.filter_map(|(position, key)| Some((hash(key?), position))).collect();
        all.sort_unstable();
        Self(all)
    }

    /// Of objects with that key, and perhaps of others.
    pub(super) fn find(&self, key: &str) -> impl Iterator<Item = usize> + use<'_> {
        let hash = hash(key);
        let start = self.0.partition_point(|(other, _)| *other < hash);
        let found = self.0[start..].iter().take_while(move |(other, _)| *other == hash);
        found.map(|(_, position)| *position)
    }
}

/// The same in each round, so that the order of what is found is too.
fn hash(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
