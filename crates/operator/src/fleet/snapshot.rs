//! A fleet with everything that is of it, at one moment: read from the API server,
//! or from a file with what `kubectl get … -o json` printed.

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Service};
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use crate::error::Error;
use crate::names;
use crate::view::{View, is_for};
use crate::watch::{Guarded, Unreadable, holder, is_of};

/// One fleet and what is of it.
#[derive(Debug, Clone)]
pub struct Snapshot(pub(super) View);

/// Objects of all kinds, as they come.
#[derive(Debug, Default)]
struct Objects {
    nodes: Vec<Arc<Node>>,
    records: Vec<Arc<MeasurementNode>>,
    pods: Vec<Arc<Pod>>,
    revisions: Vec<Arc<ControllerRevision>>,
    daemon_sets: Vec<Arc<DaemonSet>>,
    services: Vec<Arc<Service>>,
    ledgers: Vec<Arc<ConfigMap>>,
    unreadable: Vec<Arc<Unreadable>>,
}

impl Snapshot {
    /// Reads it from the API server; absent if there is no such fleet.
    pub async fn fetch(
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Self>, Error> {
        let fleets: Api<MeasurementFleet> = Api::namespaced(client.clone(), namespace);
        let fleet = fleets.get_opt(name).await.map_err(|source| Error::Api {
            what: format!("read the fleet `{name}` of `{namespace}`"),
            source,
        })?;
        let Some(fleet) = fleet else { return Ok(None) };
        let of_fleet = format!("{}={name}", names::FLEET);
        let of_fleet = Some(of_fleet.as_str());
        let mut unreadable = Vec::new();
        let lost = &mut unreadable;
        let mut objects = Objects {
            nodes: list(Api::all(client.clone()), None, lost).await?,
            records: list(Api::namespaced(client.clone(), namespace), None, lost).await?,
            pods: list(Api::namespaced(client.clone(), namespace), of_fleet, lost).await?,
            revisions: list(Api::namespaced(client.clone(), namespace), of_fleet, lost).await?,
            daemon_sets: list(Api::namespaced(client.clone(), namespace), of_fleet, lost).await?,
            services: list(Api::namespaced(client.clone(), namespace), of_fleet, lost).await?,
            ledgers: list(Api::namespaced(client.clone(), namespace), of_fleet, lost).await?,
            unreadable: Vec::new(),
        };
        objects.unreadable = unreadable;
        Ok(Some(Self(objects.view(fleet))))
    }

    /// Finds it in the text of a JSON `List`, such as `kubectl get … -o json` prints.
    /// Of several fleets, `name` says which.
    pub fn read(text: &str, name: Option<&str>) -> Result<Self, String> {
        let list: Value = serde_json::from_str(text)
            .map_err(|error| format!("it is no JSON (write it with `-o json`): {error}"))?;
        let items =
            list["items"].as_array().ok_or("it has no `items`, as a List of kubectl has")?;
        let mut objects = Objects::default();
        let mut fleets = Vec::new();
        for item in items {
            match item["kind"].as_str().unwrap_or_default() {
                "MeasurementFleet" => fleets.push(object::<MeasurementFleet>(item)?),
                "MeasurementNode" => objects.records.push(object(item)?),
                "Node" => objects.nodes.push(object(item)?),
                "Pod" => objects.pods.push(object(item)?),
                "ControllerRevision" => objects.revisions.push(object(item)?),
                "DaemonSet" => objects.daemon_sets.push(object(item)?),
                "Service" => objects.services.push(object(item)?),
                "ConfigMap" => objects.ledgers.push(object(item)?),
                _ => {}
            }
        }
        fleets.retain(|fleet| name.is_none_or(|name| fleet.name_any() == name));
        match fleets.as_slice() {
            [fleet] => Ok(Self(objects.view(MeasurementFleet::clone(fleet)))),
            [] => Err("it holds no such MeasurementFleet".to_owned()),
            _ => Err("it holds more than one MeasurementFleet; say which".to_owned()),
        }
    }
}

impl Objects {
    fn view(mut self, fleet: MeasurementFleet) -> View {
        let name = fleet.name_any();
        let namespace = fleet.namespace();
        let namespace = namespace.as_ref();
        let in_namespace =
            |record: &&Arc<MeasurementNode>| record.metadata.namespace.as_ref() == namespace;
        let taken = self
            .records
            .iter()
            .filter(in_namespace)
            .filter(|record| record.spec.fleet != name)
            .map(|record| holder(record))
            .collect();
        self.records.retain(|record| {
            record.metadata.namespace.as_ref() == namespace && record.spec.fleet == name
        });
        self.pods.retain(|pod| is_of(&pod.metadata, namespace, &name));
        self.revisions.retain(|object| {
            is_of(&object.metadata, namespace, &name) && is_for(object.as_ref(), names::RECORD)
        });
        self.daemon_sets.retain(|set| is_of(&set.metadata, namespace, &name));
        self.services.retain(|service| is_of(&service.metadata, namespace, &name));
        self.ledgers.retain(|object| {
            is_of(&object.metadata, namespace, &name) && object.name_any() == names::ledger(&name)
        });
        View {
            nodes: self.nodes,
            records: self.records,
            pods: self.pods,
            revisions: self.revisions,
            daemon_sets: self.daemon_sets,
            services: self.services,
            ledger: self.ledgers.pop(),
            taken,
            unreadable: self.unreadable,
            ..View::of(Arc::new(fleet))
        }
    }
}

fn object<K: DeserializeOwned>(item: &Value) -> Result<Arc<K>, String> {
    let name = &item["metadata"]["name"];
    serde_json::from_value(item.clone())
        .map(Arc::new)
        .map_err(|error| format!("the {} {name} in it cannot be read: {error}", item["kind"]))
}

/// Those that cannot be read are put aside.
async fn list<K>(
    api: Api<Guarded<K>>,
    labels: Option<&str>,
    unreadable: &mut Vec<Arc<Unreadable>>,
) -> Result<Vec<Arc<K>>, Error>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    let parameters =
        ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
    let list = api
        .list(&parameters)
        .await
        .map_err(|source| Error::Api { what: format!("list {}", K::plural(&())), source })?;
    let mut objects = Vec::new();
    for object in list.items {
        match object {
            Guarded::Whole(object) | Guarded::WithoutStatus(object, _) => {
                objects.push(Arc::new(object));
            }
            Guarded::Unreadable(object) => unreadable.push(Arc::from(object)),
        }
    }
    Ok(objects)
}
