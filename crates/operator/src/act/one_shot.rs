//! Pods that run once, under a name of which there can be one only.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Resource as _, ResourceExt as _};
use trigpoint_rollout::Revision;

use super::Actor;
use crate::error::Stop;
use crate::observed::pod::{OneShot, one_shot};

impl Actor<'_> {
    /// It goes with the DaemonSet of its revision, if there is one: a thousand of them
    /// are collected without a write of the operator.
    pub(super) fn leave_to_daemon_set(&self, pod: &mut Pod, revision: &Revision) {
        let mut sets = self.view.daemon_sets.iter();
        let owner =
            sets.find(|set| set.name_any() == revision.as_str()).and_then(|set| set.owner_ref(&()));
        if let Some(owner) = owner {
            pod.metadata.owner_references = Some(vec![owner]);
        }
    }

    /// Starts a pod; one of that name that has ended, and that the plan knows of,
    /// makes room.
    pub(super) async fn start(&self, pod: &Pod) -> Result<(), Stop> {
        let name = pod.name_any();
        let api: Api<Pod> = self.api();
        let before = api
            .get_opt(&name)
            .await
            .map_err(|source| Stop::of(format!("look for the pod `{name}`"), source))?;
        if let Some(before) = before {
            let is_known = before.uid().is_some_and(|uid| self.view.pod(&uid).is_some());
            if !is_known || one_shot(&before) == OneShot::Running {
                let why = "one of that name runs, or is newer than the plan";
                return Err(Stop::refused(format!("start the pod `{name}`"), why));
            }
            self.hands.turn("delete Pod").await?;
            let parameters = DeleteParams::default()
                .grace_period(0)
                .preconditions(Preconditions { uid: before.uid(), resource_version: None });
            api.delete(&name, &parameters)
                .await
                .map_err(|source| Stop::of(format!("delete the pod `{name}`"), source))?;
        }
        self.create(&api, pod).await.map(drop)
    }
}
