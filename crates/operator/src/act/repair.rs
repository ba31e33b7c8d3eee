//! DaemonSets that somebody edited.
//!
//! An edit ends no pod, but the next one on a node would be of it: a revision that
//! nobody proved.  So it is made again as its revision says, as a whole: applying
//! would leave what somebody added.

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tracing::warn;
use trigpoint_rollout::Revision;

use super::{Actor, parameters};
use crate::error::Stop;
use crate::{names, render, revisions};

impl Actor<'_> {
    pub(crate) async fn repair(&self) -> Result<(), Stop> {
        for set in &self.view.daemon_sets {
            let is_ours = self.view.revision(&set.name_any()).is_some();
            if is_ours && set.metadata.generation != known(set) {
                self.make_again(set).await?;
            }
        }
        Ok(())
    }

    async fn make_again(&self, set: &DaemonSet) -> Result<(), Stop> {
        let name = set.name_any();
        warn!(daemon_set = name, "somebody edited it; it is made again as its revision says");
        let revision = Revision::new(&name);
        let template = revisions::template(self.revision(&revision)?)?;
        let mut wanted = render::daemon_set(&self.view.fleet, &revision, template);
        wanted.metadata.resource_version = set.resource_version();
        self.hands.turn("replace DaemonSet").await?;
        let api: Api<DaemonSet> = self.api();
        let made = api
            .replace(&name, &parameters(), &wanted)
            .await
            .map_err(|source| Stop::of(format!("make the DaemonSet `{name}` again"), source))?;
        // Each change of a spec counts its generation up, also this one.
        let generation = made.metadata.generation.unwrap_or(1).to_string();
        let patch = json!({"metadata": {
            "resourceVersion": made.resource_version(),
            "annotations": {names::GENERATION: generation},
        }});
        self.patch(&api, &name, &patch).await.map(drop)
    }
}

/// The generation that this operator left it at: 1 of one that it made.
fn known(set: &DaemonSet) -> Option<i64> {
    match set.annotations().get(names::GENERATION) {
        Some(text) => text.parse().ok(),
        None => Some(1),
    }
}
