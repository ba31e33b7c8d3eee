//! Whether a namespace takes the pods of a revision.
//!
//! A DaemonSet whose pods Pod Security refuses is itself accepted, with a warning
//! that nobody reads; the pod, created as a dry run, is refused with its reason.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::PostParams;

use crate::error::Stop;
use crate::names;

/// Somebody may mend the namespace at any time.
const KEPT: Duration = Duration::from_secs(30);

/// Answers of one namespace, by name of the revision.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    answers: HashMap<String, (Instant, Option<String>)>,
}

impl Refusals {
    /// What the namespace of `pods` says against `pod`, a pod of `revision`.
    pub(crate) async fn ask(
        &mut self,
        pods: &Api<Pod>,
        revision: &str,
        pod: &Pod,
    ) -> Result<Option<String>, Stop> {
        self.answers.retain(|_, (at, _)| at.elapsed() < KEPT);
        if let Some((_, answer)) = self.answers.get(revision) {
            return Ok(answer.clone());
        }
        let parameters =
            PostParams { dry_run: true, field_manager: Some(names::FIELD_MANAGER.to_owned()) };
        let answer = match pods.create(&parameters, pod).await {
            Ok(_) => None,
            // Of that very name there is one: the namespace takes it.
            Err(kube::Error::Api(status)) if status.code == 409 => None,
            Err(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 422) => {
                Some(status.message.clone())
            }
            Err(source) => {
                let what = format!("try a pod of `{revision}`");
                return Err(Stop::Api { what, source });
            }
        };
        self.answers.insert(revision.to_owned(), (Instant::now(), answer.clone()));
        Ok(answer)
    }
}
