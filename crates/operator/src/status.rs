//! Status, derived anew in each round and written only where it differs.

mod conditions;
mod fleet;
mod node;
#[cfg(test)]
mod tests;
mod troubles;

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trigpoint_crd::{
    MeasurementFleet, MeasurementFleetStatus, MeasurementNode, MeasurementNodeStatus,
};

pub(crate) use fleet::{derive as of_fleet, invalid};
pub(crate) use node::derive as of_node;
pub(crate) use troubles::troubles;

use crate::act::{Actor, parameters};
use crate::error::Stop;

impl Actor<'_> {
    pub(crate) async fn write_fleet_status(
        &self,
        status: MeasurementFleetStatus,
    ) -> Result<(), Stop> {
        let fleet = self.view.fleet.as_ref();
        let before = fleet.status.clone().unwrap_or_default();
        let is_same = before
            == MeasurementFleetStatus { conditions: before.conditions.clone(), ..status.clone() };
        if is_same && conditions::say_the_same(&before.conditions, &status.conditions) {
            return Ok(());
        }
        let changed = MeasurementFleet { status: Some(status), ..fleet.clone() };
        self.write_status(&changed).await
    }

    pub(crate) async fn write_node_status(
        &self,
        record: &MeasurementNode,
        status: MeasurementNodeStatus,
    ) -> Result<(), Stop> {
        let before = record.status.clone().unwrap_or_default();
        let is_same = before
            == MeasurementNodeStatus { conditions: before.conditions.clone(), ..status.clone() };
        if is_same && conditions::say_the_same(&before.conditions, &status.conditions) {
            return Ok(());
        }
        let changed = MeasurementNode { status: Some(status), ..record.clone() };
        self.write_status(&changed).await
    }

    /// As a whole, over the version that it was derived from.
    async fn write_status<K>(&self, object: &K) -> Result<(), Stop>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let kind = K::kind(&());
        let name = object.name_any();
        self.hands.turn(&format!("replace {kind}/status")).await?;
        let api: Api<K> = self.hands.api(&self.view.namespace());
        api.replace_status(&name, &parameters(), object)
            .await
            .map(drop)
            .map_err(|source| Stop::of(format!("write the status of {kind} `{name}`"), source))
    }
}
