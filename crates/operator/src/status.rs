//! Status, derived anew in each round and written only where it differs.

mod conditions;
mod fleet;
mod node;
#[cfg(test)]
mod tests;
mod troubles;

use std::fmt::Debug;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use trigpoint_crd::{
    MeasurementFleet, MeasurementFleetStatus, MeasurementNode, MeasurementNodeStatus,
};
use trigpoint_rollout::Time;

pub(crate) use fleet::{derive as of_fleet, invalid};
pub(crate) use node::derive as of_node;
pub(crate) use troubles::troubles;

use crate::act::{Actor, parameters};
use crate::error::Stop;

/// How old figures in a fleet's status may be.
const FIGURES: Duration = Duration::from_secs(5);

impl Actor<'_> {
    /// Writes the fleet's status where it differs, or tells when it is to be written:
    /// figures change with each step of each node, and are written together.
    pub(crate) async fn write_fleet_status(
        &self,
        status: MeasurementFleetStatus,
        written_at: &mut Option<Instant>,
    ) -> Result<Option<Time>, Stop> {
        let fleet = self.view.fleet.as_ref();
        let before = fleet.status.clone().unwrap_or_default();
        let is_same = before
            == MeasurementFleetStatus { conditions: before.conditions.clone(), ..status.clone() };
        if is_same && conditions::say_the_same(&before.conditions, &status.conditions) {
            return Ok(None);
        }
        let wait = written_at.and_then(|at| FIGURES.checked_sub(at.elapsed()));
        if let Some(wait) = wait.filter(|_| !fleet::is_news(&before, &status)) {
            return Ok(Some(self.now + wait));
        }
        let changed = MeasurementFleet { status: Some(status), ..fleet.clone() };
        self.write_status(&changed).await?;
        *written_at = Some(Instant::now());
        Ok(None)
    }

    /// Writes a node's status where it differs.  That a node in flight was looked at anew
    /// is written with its next step.
    pub(crate) async fn write_node_status(
        &self,
        record: &MeasurementNode,
        status: MeasurementNodeStatus,
        is_in_flight: bool,
    ) -> Result<(), Stop> {
        let before = record.status.clone().unwrap_or_default();
        let mut compared =
            MeasurementNodeStatus { conditions: before.conditions.clone(), ..status.clone() };
        if let Some((facts, known)) = compared.facts.as_mut().zip(before.facts.as_ref())
            && is_in_flight
        {
            facts.measured_at.clone_from(&known.measured_at);
        }
        let is_same = before == compared;
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
