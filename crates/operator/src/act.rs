//! From actions to API calls, each with its fence.
//!
//! Where the API server itself can check what an action rests on, it does so in
//! the same request: a patch that names `uid` and `resourceVersion` is refused
//! (409, or 422 for the uid) once the object is another one or has changed.

mod gate;
mod label;
mod ledger;
mod node_record;
mod one_shot;
mod probe;
mod repair;
mod revision;
mod self_test;
mod synthetic_test;

use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::info;
use trigpoint_access_token::SigningKey;
use trigpoint_rollout::{Action, Time};

use crate::error::Stop;
use crate::fleet;
use crate::gates::Questions;
use crate::leader::Leadership;
use crate::limiter::Limiter;
use crate::metrics::Metrics;
use crate::names;
use crate::view::View;

/// Who writes: as fast as it may, and only while it leads.
pub(crate) struct Hands {
    pub(crate) client: Client,
    pub(crate) leadership: Leadership,
    pub(crate) limiter: Limiter,
    pub(crate) metrics: Metrics,
    /// Whether this operator looks after keys.
    pub(crate) has_keys: bool,
    /// Signs tokens of synthetic tests, once it was read.
    pub(crate) signing_key: Option<Arc<SigningKey>>,
    /// Who measures gates.
    pub(crate) questions: Questions,
}

impl Hands {
    /// To be awaited before each write.
    pub(crate) async fn turn(&self, what: &str) -> Result<(), Stop> {
        self.limiter.take().await;
        self.leadership.check()?;
        self.metrics.writes.with_label_values(&[what]).inc();
        Ok(())
    }

    pub(crate) fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Carries out the actions of one fleet.
pub(crate) struct Actor<'a> {
    pub(crate) hands: &'a Hands,
    pub(crate) view: &'a View,
    pub(crate) now: Time,
}

impl Actor<'_> {
    pub(crate) async fn carry_out(&self, action: &Action) -> Result<(), Stop> {
        let steps = fleet::steps(action).join("; ");
        info!(fleet = self.view.fleet.name_any(), steps, "acting");
        match action {
            Action::Register { node, uid } => self.register(node, uid).await,
            Action::Probe { node, uid, revision } => self.probe(node, uid, revision).await,
            Action::SelfTest { node, pod } => self.self_test(node, pod).await,
            Action::Release { node, fence } => self.release(node, fence).await,
            Action::Assign { node, fence, revision } => self.assign(node, fence, revision).await,
            Action::CreateDaemonSet { revision } => self.create_daemon_set(revision).await,
            Action::DeleteDaemonSet { revision } => self.delete_daemon_set(revision).await,
            Action::DeleteRevision { revision } => self.delete_revision(revision).await,
            Action::Measure { gate, wave, revision } => self.measure(gate, wave, revision).await,
            Action::Promote { revision } => self.promote(revision).await,
            Action::Record { expected_version, ledger, .. } => {
                self.record(expected_version, ledger).await
            }
            Action::RemoveFinalizer => self.remove_finalizer().await,
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        self.hands.api(&self.view.namespace())
    }

    pub(crate) async fn create<K>(&self, api: &Api<K>, object: &K) -> Result<K, Stop>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + serde::Serialize,
    {
        let kind = K::kind(&());
        self.hands.turn(&format!("create {kind}")).await?;
        let name = object.meta().name.as_deref().unwrap_or_default();
        api.create(&parameters(), object)
            .await
            .map_err(|source| Stop::of(format!("create the {kind} `{name}`"), source))
    }

    pub(crate) async fn patch<K>(&self, api: &Api<K>, name: &str, patch: &Value) -> Result<K, Stop>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let kind = K::kind(&());
        self.hands.turn(&format!("patch {kind}")).await?;
        let parameters = PatchParams {
            field_manager: Some(names::FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        api.patch(name, &parameters, &Patch::Merge(patch))
            .await
            .map_err(|source| Stop::of(format!("change the {kind} `{name}`"), source))
    }
}

pub(crate) fn parameters() -> PostParams {
    PostParams { field_manager: Some(names::FIELD_MANAGER.to_owned()), ..PostParams::default() }
}
