//! What the operator watches: one stream per kind and namespace, each with its own
//! back-off, and with a clock that tells when it last made progress.
//!
//! kube's `watcher` passes bookmarks over in silence, so that in a quiet cluster
//! nobody could tell a stream that has nothing to say from one that is dead
//! (stackabletech/trino-operator#936); here each bookmark is progress.

mod follow;
mod guard;
mod health;
mod store;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Instant;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, NodeStatus, Pod, PodSpec, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use follow::Patience;
pub(crate) use guard::{Guarded, Unreadable};
pub(crate) use health::Health;
use store::Store;

use crate::names;
use crate::settings::Settings;
use crate::view::View;

/// All streams and what they have brought.
#[derive(Debug)]
pub(crate) struct Streams {
    fleets: Watched<MeasurementFleet>,
    nodes: Watched<Node>,
    records: Watched<MeasurementNode>,
    pods: Watched<Pod>,
    revisions: Watched<ControllerRevision>,
    daemon_sets: Watched<DaemonSet>,
    services: Watched<Service>,
    ledgers: Watched<ConfigMap>,
    changed: Arc<Notify>,
    _tasks: JoinSet<()>,
}

/// The objects of one kind, of all namespaces that are watched.
#[derive(Debug)]
struct Watched<K> {
    stores: Vec<Arc<Store<K>>>,
}

impl<K> Watched<K> {
    fn all(&self) -> Vec<Arc<K>> {
        self.stores.iter().flat_map(|store| store.all()).collect()
    }

    fn is_filled(&self) -> bool {
        self.stores.iter().all(|store| store.is_filled())
    }

    fn unreadable(&self) -> Vec<Arc<Unreadable>> {
        self.stores.iter().flat_map(|store| store.unreadable()).collect()
    }
}

/// What one stream is made of.
struct Starter<'a> {
    client: &'a Client,
    namespaces: &'a [String],
    health: &'a Health,
    patience: Patience,
    changed: &'a Arc<Notify>,
    tasks: &'a mut JoinSet<()>,
}

impl Starter<'_> {
    fn namespaced<K>(
        &mut self,
        kind: &'static str,
        labels: Option<&str>,
        trim: fn(&mut K),
    ) -> Watched<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let apis: Vec<Api<Guarded<K>>> = match self.namespaces {
            [] => vec![Api::all(self.client.clone())],
            names => names.iter().map(|name| Api::namespaced(self.client.clone(), name)).collect(),
        };
        let stores = apis.into_iter().map(|api| self.one(kind, api, labels, trim)).collect();
        Watched { stores }
    }

    fn one<K>(
        &mut self,
        kind: &'static str,
        api: Api<Guarded<K>>,
        labels: Option<&str>,
        trim: fn(&mut K),
    ) -> Arc<Store<K>>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    {
        let store = Arc::new(Store::new());
        let stream = follow::Stream {
            kind,
            api,
            labels: labels.map(str::to_owned),
            patience: self.patience,
            trim,
            store: Arc::clone(&store),
            pulse: self.health.pulse(kind),
            changed: Arc::clone(self.changed),
        };
        self.tasks.spawn(stream.run());
        store
    }
}

impl Streams {
    /// Starts to watch; must be called inside a tokio runtime.
    pub(crate) fn start(client: &Client, settings: &Settings, health: &Health) -> Self {
        let changed = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let mut starter = Starter {
            client,
            namespaces: &settings.namespaces,
            health,
            patience: Patience::within(settings.stream_deadline),
            changed: &changed,
            tasks: &mut tasks,
        };
        let component =
            |component: &str| format!("{},{}={component}", names::FLEET, names::COMPONENT);
        let nodes = starter.one("Node", Api::all(client.clone()), None, trim_node);
        Self {
            fleets: starter.namespaced("MeasurementFleet", None, trim_metadata),
            nodes: Watched { stores: vec![nodes] },
            records: starter.namespaced("MeasurementNode", None, trim_metadata),
            pods: starter.namespaced("Pod", Some(names::FLEET), trim_pod),
            revisions: starter.namespaced(
                "ControllerRevision",
                Some(&component(names::RECORD)),
                trim_metadata,
            ),
            daemon_sets: starter.namespaced("DaemonSet", Some(names::FLEET), trim_metadata),
            services: starter.namespaced("Service", Some(names::FLEET), trim_metadata),
            ledgers: starter.namespaced(
                "ConfigMap",
                Some(&component(names::LEDGER)),
                trim_metadata,
            ),
            changed,
            _tasks: tasks,
        }
    }

    /// Waits until something changed since the last call.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// What wakes whoever waits for a change.
    pub(crate) fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// Whether every stream has brought what there was at its start.
    pub(crate) fn is_filled(&self) -> bool {
        self.fleets.is_filled()
            && self.nodes.is_filled()
            && self.records.is_filled()
            && self.pods.is_filled()
            && self.revisions.is_filled()
            && self.daemon_sets.is_filled()
            && self.services.is_filled()
            && self.ledgers.is_filled()
    }

    pub(crate) fn fleets(&self) -> Vec<Arc<MeasurementFleet>> {
        self.fleets.all()
    }

    /// Objects that are there and cannot be read.
    pub(crate) fn unreadable(&self) -> Vec<Arc<Unreadable>> {
        let mut all = self.fleets.unreadable();
        all.extend(self.nodes.unreadable());
        all.extend(self.records.unreadable());
        all.extend(self.pods.unreadable());
        all.extend(self.revisions.unreadable());
        all.extend(self.daemon_sets.unreadable());
        all.extend(self.services.unreadable());
        all.extend(self.ledgers.unreadable());
        all
    }

    /// Pods that left since the last call.
    pub(crate) fn departed(&self) -> Vec<Arc<Pod>> {
        self.pods.stores.iter().flat_map(|store| store.take_departed()).collect()
    }

    /// Namespace of an older fleet of that name, also of one that cannot be read: the
    /// labels on its nodes are there all the same.
    fn rival(&self, fleet: &MeasurementFleet) -> Option<String> {
        let (readable, unreadable) = (self.fleets.all(), self.fleets.unreadable());
        let metadata = readable.iter().map(|other| &other.metadata);
        let mut others = metadata.chain(unreadable.iter().map(|other| &other.metadata));
        others.find_map(|other| rival(&fleet.metadata, other))
    }

    /// What there is of one fleet.
    pub(crate) fn view(&self, fleet: &Arc<MeasurementFleet>, departed: &[Arc<Pod>]) -> View {
        let started = Instant::now();
        let name = fleet.name_any();
        let namespace = fleet.namespace();
        let of_others = own(&self.records, |record| {
            record.namespace() == namespace && record.spec.fleet != name
        });
        let mut view = View {
            nodes: self.nodes.all(),
            records: own(&self.records, |record| {
                record.namespace() == namespace && record.spec.fleet == name
            }),
            pods: own(&self.pods, |pod| is_of(&pod.metadata, namespace.as_ref(), &name)),
            departed: departed.iter().map(|pod| Pod::clone(pod)).collect(),
            revisions: own(&self.revisions, |object| {
                is_of(&object.metadata, namespace.as_ref(), &name)
            }),
            daemon_sets: own(&self.daemon_sets, |set| {
                is_of(&set.metadata, namespace.as_ref(), &name)
            }),
            services: own(&self.services, |object| {
                is_of(&object.metadata, namespace.as_ref(), &name)
            }),
            ledger: own(&self.ledgers, |object| {
                is_of(&object.metadata, namespace.as_ref(), &name)
                    && object.name_any() == names::ledger(&name)
            })
            .pop(),
            taken: of_others.iter().map(|record| holder(record)).collect(),
            unreadable: self.unreadable(),
            rival: self.rival(fleet),
            ..View::of(Arc::clone(fleet))
        };
        view.took = started.elapsed();
        view
    }
}

/// The namespace of another fleet, if it has the same name and is older.
fn rival(fleet: &ObjectMeta, other: &ObjectMeta) -> Option<String> {
    let age = |fleet: &ObjectMeta| (fleet.creation_timestamp.clone(), fleet.namespace.clone());
    let is_older =
        fleet.name == other.name && fleet.namespace != other.namespace && age(other) < age(fleet);
    is_older.then(|| other.namespace.clone().unwrap_or_default())
}

/// The node that a record is about, and the fleet that has it.
pub(crate) fn holder(record: &MeasurementNode) -> (String, String) {
    (record.spec.node_name.clone(), record.spec.fleet.clone())
}

fn own<K>(watched: &Watched<K>, is_own: impl Fn(&K) -> bool) -> Vec<Arc<K>> {
    let mut objects = watched.all();
    objects.retain(|object| is_own(object));
    objects
}

/// Whether an object is labelled as one of that fleet.
pub(crate) fn is_of(object: &ObjectMeta, namespace: Option<&String>, fleet: &str) -> bool {
    let labels = object.labels.as_ref();
    object.namespace.as_ref() == namespace
        && labels.and_then(|labels| labels.get(names::FLEET)).is_some_and(|name| name == fleet)
}

/// Who wrote which field is most of an object, and of no use here.
fn trim_metadata<K: Resource>(object: &mut K) {
    object.meta_mut().managed_fields = None;
}

/// Names of images are most of a node.
fn trim_node(node: &mut Node) {
    trim_metadata(node);
    node.metadata.annotations = None;
    if let Some(status) = &mut node.status {
        *status = NodeStatus {
            addresses: status.addresses.take(),
            conditions: status.conditions.take(),
            node_info: status.node_info.take(),
            ..NodeStatus::default()
        };
    }
}

/// What a pod is to be is known from its revision: of interest is where it is and how
/// it is.
fn trim_pod(pod: &mut Pod) {
    trim_metadata(pod);
    if let Some(spec) = &mut pod.spec {
        let is_placed = spec.node_name.is_some();
        *spec = PodSpec {
            node_name: spec.node_name.take(),
            // Until then it says where the pod is to be.
            affinity: spec.affinity.take().filter(|_| !is_placed),
            ..PodSpec::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_two_fleets_of_one_name_the_older_one_is_the_rival() {
        let fleet = |name: &str, namespace: &str, hour: u32| -> ObjectMeta {
            let created = format!("2026-11-27T{hour:02}:00:00Z");
            serde_json::from_value(
                json!({"name": name, "namespace": namespace, "creationTimestamp": created}),
            )
            .unwrap()
        };
        let own = fleet("stations", "b", 8);
        assert_eq!(rival(&own, &fleet("stations", "a", 7)), Some("a".to_owned()));
        assert_eq!(rival(&own, &fleet("stations", "a", 9)), None);
        assert_eq!(rival(&own, &fleet("others", "a", 7)), None);
        assert_eq!(rival(&own, &own), None);
        // Of the same second.
        assert_eq!(rival(&own, &fleet("stations", "a", 8)), Some("a".to_owned()));
        assert_eq!(rival(&own, &fleet("stations", "c", 8)), None);
    }
}
