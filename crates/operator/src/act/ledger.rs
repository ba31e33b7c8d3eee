//! The ledger.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _};
use trigpoint_rollout::Ledger;

use super::{Actor, parameters};
use crate::error::Stop;
use crate::ledger;

impl Actor<'_> {
    /// Writes the ledger over the version that the plan rests on, or makes it.
    pub(super) async fn record(&self, expected: &str, ledger: &Ledger) -> Result<(), Stop> {
        let object = ledger::object(&self.view.fleet, ledger, expected)?;
        let api: Api<ConfigMap> = self.api();
        if expected.is_empty() {
            return self.create(&api, &object).await.map(drop);
        }
        let name = object.name_any();
        self.hands.turn("replace ConfigMap").await?;
        api.replace(&name, &parameters(), &object)
            .await
            .map(drop)
            .map_err(|source| Stop::of(format!("write the ledger `{name}`"), source))
    }
}
