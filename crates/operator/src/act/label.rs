//! The label of a node, by which a station comes and goes.

use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use trigpoint_crd::{MeasurementFleet, MeasurementNode, REVISION_LABEL};
use trigpoint_rollout::{Fence, Revision};

use super::Actor;
use crate::error::Stop;
use crate::names;
use crate::observed::pod;

impl Actor<'_> {
    pub(super) async fn release(&self, node: &str, fence: &Fence) -> Result<(), Stop> {
        self.check_ledger(fence).await?;
        self.label(node, fence, &Value::Null).await
    }

    pub(super) async fn assign(
        &self,
        node: &str,
        fence: &Fence,
        revision: &Revision,
    ) -> Result<(), Stop> {
        self.check_ledger(fence).await?;
        self.check_empty(node).await?;
        self.write_down(node, fence, revision).await?;
        self.label(node, fence, &json!(revision.as_str())).await
    }

    /// The API server compares the uid and the version of the node, and with the
    /// version the label that the plan rests on.
    async fn label(&self, node: &str, fence: &Fence, value: &Value) -> Result<(), Stop> {
        let patch = json!({"metadata": {
            "uid": fence.uid,
            "resourceVersion": fence.version,
            "labels": {REVISION_LABEL: value},
        }});
        let nodes: Api<Node> = Api::all(self.hands.client.clone());
        self.patch(&nodes, node, &patch).await.map(drop)
    }

    /// The claims of the plan are those of the API server.
    async fn check_ledger(&self, fence: &Fence) -> Result<(), Stop> {
        let name = names::ledger(&self.view.fleet.name_any());
        let ledger: Option<ConfigMap> = self
            .api()
            .get_opt(&name)
            .await
            .map_err(|source| Stop::of(format!("read the ledger `{name}`"), source))?;
        let version = ledger.and_then(|ledger| ledger.resource_version()).unwrap_or_default();
        if version == fence.ledger_version {
            return Ok(());
        }
        Err(Stop::refused(
            format!("rest on the ledger `{name}`"),
            format!("it has version {version}, not {}", fence.ledger_version),
        ))
    }

    /// No pod of the fleet is on that node, or on its way to it: asked of the API
    /// server itself, since two pods would fight over ports and spoil each other's
    /// figures (m-lab/k8s-support#278).
    async fn check_empty(&self, node: &str) -> Result<(), Stop> {
        let labels = format!(
            "{}={},{}={}",
            names::FLEET,
            self.view.fleet.name_any(),
            names::COMPONENT,
            names::STATION
        );
        let pods: Api<Pod> = self.api();
        for fields in [format!("spec.nodeName={node}"), "spec.nodeName=".to_owned()] {
            let parameters = ListParams::default().labels(&labels).fields(&fields);
            let found = pods
                .list(&parameters)
                .await
                .map_err(|source| Stop::of(format!("list the pods of `{node}`"), source))?;
            if let Some(pod) = found.items.iter().find(|pod| pod::node(pod) == Some(node)) {
                let why = format!("the pod `{}` is still there", pod.name_any());
                return Err(Stop::refused(format!("assign `{node}`"), why));
            }
        }
        Ok(())
    }

    /// The node's record remembers what it was last given.
    async fn write_down(&self, node: &str, fence: &Fence, revision: &Revision) -> Result<(), Stop> {
        let what = || format!("write into the record of `{node}`");
        let record =
            self.view.record(node).ok_or_else(|| Stop::refused(what(), "there is none"))?;
        if record.spec.node_uid != fence.uid {
            return Err(Stop::refused(what(), "it is about an earlier node of that name"));
        }
        if record.spec.assigned_revision.as_deref() == Some(revision.as_str()) {
            return Ok(());
        }
        let patch = json!({
            "metadata": {"resourceVersion": record.resource_version()},
            "spec": {"assignedRevision": revision.as_str()},
        });
        self.patch::<MeasurementNode>(&self.api(), node, &patch).await.map(drop)
    }

    /// The fleet may go: no node carries its label, asked of the API server itself.
    pub(super) async fn remove_finalizer(&self) -> Result<(), Stop> {
        let fleet = &self.view.fleet;
        let name = fleet.name_any();
        let nodes: Api<Node> = Api::all(self.hands.client.clone());
        let labelled = nodes
            .list_metadata(&ListParams::default().labels(REVISION_LABEL))
            .await
            .map_err(|source| Stop::of("list the nodes with our label", source))?;
        let is_ours = |node: &&kube::core::PartialObjectMeta<Node>| {
            let label = node.metadata.labels.as_ref().and_then(|all| all.get(REVISION_LABEL));
            label.is_some_and(|label| Revision::new(label).fleet() == name)
        };
        if let Some(node) = labelled.items.iter().find(is_ours) {
            let why = format!("`{}` still has its label", node.name_any());
            return Err(Stop::refused(format!("let the fleet `{name}` go"), why));
        }
        let others: Vec<&String> =
            fleet.finalizers().iter().filter(|finalizer| *finalizer != names::FINALIZER).collect();
        let patch = json!({"metadata": {
            "resourceVersion": fleet.resource_version(),
            "finalizers": others,
        }});
        self.patch::<MeasurementFleet>(&self.api(), &name, &patch).await.map(drop)
    }
}
