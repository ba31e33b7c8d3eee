//! Pods that run once, under a name of which there can be one only.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt as _};

use super::Actor;
use crate::error::Stop;
use crate::observed::pod::{OneShot, one_shot};

impl Actor<'_> {
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
