//! The `MeasurementNode` of a node.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _, ResourceExt as _};
use serde_json::json;
use trigpoint_crd::{MeasurementNode, MeasurementNodeSpec};

use super::Actor;
use crate::error::Stop;
use crate::names;

impl Actor<'_> {
    /// Makes the record of a node or, where it is about an earlier node of that
    /// name, makes it about this one.
    pub(super) async fn register(&self, node: &str, uid: &str) -> Result<(), Stop> {
        let api: Api<MeasurementNode> = self.api();
        let Some(before) = self.view.record(node) else {
            return self.create(&api, &self.new_record(node, uid)).await.map(drop);
        };
        // What was seen of the earlier node goes first: facts under a new uid would
        // be taken for this one's.
        if before.status.is_some() {
            self.hands.turn("patch MeasurementNode").await?;
            let patch = json!({
                "metadata": {"resourceVersion": before.resource_version()},
                "status": null,
            });
            api.patch_status(node, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .map_err(|source| Stop::of(format!("forget the earlier `{node}`"), source))?;
            // The plan that follows rests on what is there then.
            return Ok(());
        }
        let patch = json!({
            "metadata": {"resourceVersion": before.resource_version()},
            "spec": {"nodeUid": uid, "assignedRevision": null},
        });
        self.patch(&api, node, &patch).await.map(drop)
    }

    fn new_record(&self, node: &str, uid: &str) -> MeasurementNode {
        let fleet = &self.view.fleet;
        let name = fleet.name_any();
        let spec = MeasurementNodeSpec {
            node_name: node.to_owned(),
            node_uid: uid.to_owned(),
            fleet: name.clone(),
            assigned_revision: None,
            drain: None,
        };
        let mut record = MeasurementNode::new(node, spec);
        record.metadata.namespace = fleet.namespace();
        record.metadata.owner_references = fleet.controller_owner_ref(&()).map(|owner| vec![owner]);
        record.labels_mut().insert(names::FLEET.to_owned(), name);
        record.labels_mut().insert(names::MANAGED_BY.to_owned(), names::OPERATOR.to_owned());
        record
    }
}
