//! Revisions: their records and their DaemonSets.

use std::fmt::Debug;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::Node;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::json;
use trigpoint_crd::{MeasurementFleet, REVISION_LABEL};
use trigpoint_rollout::Revision;

use super::Actor;
use crate::error::Stop;
use crate::names;
use crate::{render, revisions, time};

impl Actor<'_> {
    pub(super) fn revision(&self, revision: &Revision) -> Result<&ControllerRevision, Stop> {
        self.view.revision(revision.as_str()).map(AsRef::as_ref).ok_or_else(|| {
            Stop::refused(format!("read the revision `{revision}`"), "there is none")
        })
    }

    /// Stores a revision that the fleet's spec asks for.
    pub(crate) async fn create_revision(&self, record: &ControllerRevision) -> Result<(), Stop> {
        self.create(&self.api(), record).await.map(drop)
    }

    pub(super) async fn create_daemon_set(&self, revision: &Revision) -> Result<(), Stop> {
        let template = revisions::template(self.revision(revision)?)?;
        let set = render::daemon_set(&self.view.fleet, revision, template);
        self.create::<DaemonSet>(&self.api(), &set).await.map(drop)
    }

    pub(super) async fn delete_daemon_set(&self, revision: &Revision) -> Result<(), Stop> {
        self.check_unused(revision).await?;
        let set = self.view.daemon_sets.iter().find(|set| set.name_any() == revision.as_str());
        match set {
            Some(set) => self.delete(set.as_ref()).await,
            None => Ok(()),
        }
    }

    pub(super) async fn delete_revision(&self, revision: &Revision) -> Result<(), Stop> {
        self.check_unused(revision).await?;
        let name = self.view.fleet.name_any();
        let what = || format!("delete the revision `{revision}`");
        let fleets: Api<MeasurementFleet> = self.api();
        let fleet = fleets.get(&name).await.map_err(|source| Stop::of(what(), source))?;
        if fleet.spec.revision.as_deref() == Some(revision.as_str()) {
            return Err(Stop::refused(what(), "the fleet names it now"));
        }
        self.delete(self.revision(revision)?).await
    }

    pub(super) async fn promote(&self, revision: &Revision) -> Result<(), Stop> {
        let record = self.revision(revision)?;
        let patch = json!({"metadata": {
            "resourceVersion": record.resource_version(),
            "annotations": {names::PROMOTED_AT: time::to_text(self.now)},
        }});
        self.patch::<ControllerRevision>(&self.api(), revision.as_str(), &patch).await.map(drop)
    }

    /// No node carries its label, asked of the API server itself.
    async fn check_unused(&self, revision: &Revision) -> Result<(), Stop> {
        let nodes: Api<Node> = Api::all(self.hands.client.clone());
        let selector = format!("{REVISION_LABEL}={revision}");
        let labelled = nodes
            .list_metadata(&ListParams::default().labels(&selector).limit(1))
            .await
            .map_err(|source| Stop::of(format!("list the nodes of `{revision}`"), source))?;
        match labelled.items.first() {
            None => Ok(()),
            Some(node) => Err(Stop::refused(
                format!("delete what is of `{revision}`"),
                format!("`{}` has its label", node.name_any()),
            )),
        }
    }

    /// That very object, in whatever version.
    pub(crate) async fn delete<K>(&self, object: &K) -> Result<(), Stop>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned,
    {
        let kind = K::kind(&());
        let name = object.name_any();
        self.hands.turn(&format!("delete {kind}")).await?;
        let parameters = DeleteParams::background()
            .preconditions(Preconditions { uid: object.uid(), resource_version: None });
        self.api::<K>()
            .delete(&name, &parameters)
            .await
            .map(drop)
            .map_err(|source| Stop::of(format!("delete the {kind} `{name}`"), source))
    }
}
