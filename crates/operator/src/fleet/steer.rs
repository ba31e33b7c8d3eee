//! What a person says to a fleet: a word in its spec, which the operator reads.

use chrono::Utc;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use trigpoint_crd::fleet::{Approval, Approve};
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use super::snapshot::Snapshot;
use crate::{names, time};

/// The bound of the definition on why a node is drained.
const SHORTEST_REASON: usize = 10;

/// A word to a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Take no further node; those in flight finish.
    Pause,
    /// Go on, also where failures, lost rows or gates have stopped it.
    Resume,
    /// Let the rollout go on behind that wave.
    Approve {
        /// Its name.
        wave: String,
    },
    /// Go back to that revision, or to the last stable one before the target.
    Rollback {
        /// Its name.
        revision: Option<String>,
    },
    /// Keep that node without a station.
    Drain {
        /// Its name.
        node: String,
        /// Why: all that the next person will have.
        reason: String,
    },
    /// Give that node a station again.
    Undrain {
        /// Its name.
        node: String,
    },
}

/// Why a word is not said.
#[derive(Debug, thiserror::Error)]
pub enum Unsaid {
    /// It makes no sense for this fleet.
    #[error("{0}")]
    Mistaken(String),
    /// The API server refused it, or could not be reached.
    #[error("cannot {what}: {source}")]
    Api {
        /// What was tried.
        what: String,
        /// What came back.
        source: kube::Error,
    },
}

/// Says the word, and returns what follows from it.
pub async fn say(client: &Client, snapshot: &Snapshot, word: &Word) -> Result<String, Unsaid> {
    let fleet = snapshot.0.fleet.as_ref();
    let name = fleet.name_any();
    match word {
        Word::Pause => {
            change(client, fleet, &json!({"rollout": {"paused": true}})).await?;
            Ok(format!("{name} takes no further node; what is in flight finishes"))
        }
        Word::Resume => {
            let now = time::to_api(Utc::now());
            let spec = json!({"rollout": {"paused": false, "resumedAt": now}});
            change(client, fleet, &spec).await?;
            Ok(format!("{name} goes on; what stopped it until now counts no more"))
        }
        Word::Approve { wave } => {
            let (approvals, revision) = approvals(fleet, wave)?;
            change(client, fleet, &json!({"rollout": {"approvals": approvals}})).await?;
            Ok(format!("{name} may go on behind wave {wave} with {revision}"))
        }
        Word::Rollback { revision } => {
            let revision = back(snapshot, revision.as_deref())?;
            change(client, fleet, &json!({"revision": revision})).await?;
            Ok(format!(
                "{name} goes to {revision}, and stays on it until spec.revision is taken out"
            ))
        }
        Word::Drain { node, reason } => {
            if reason.chars().count() < SHORTEST_REASON {
                return Err(Unsaid::Mistaken(format!(
                    "the reason must have at least {SHORTEST_REASON} characters: it is all that \
                     the next person will have"
                )));
            }
            mark(client, snapshot, node, &json!({"reason": reason})).await?;
            Ok(format!(
                "{node} is released, and kept without a station until `trigpoint fleet undrain`; \
                 `trigpoint fleet status {name}` says when it is empty"
            ))
        }
        Word::Undrain { node } => {
            mark(client, snapshot, node, &Value::Null).await?;
            Ok(format!("{node} gets a station again, if it qualifies"))
        }
    }
}

/// The list with a yes to that wave for the revision that the fleet goes to.
fn approvals(fleet: &MeasurementFleet, wave: &str) -> Result<(Vec<Approval>, String), Unsaid> {
    let rollout = &fleet.spec.rollout;
    let names: Vec<&str> = rollout.waves.iter().map(|wave| wave.name.as_str()).collect();
    let known = rollout.waves.iter().find(|known| known.name == wave).ok_or_else(|| {
        Unsaid::Mistaken(format!("there is no wave `{wave}`, only {}", names.join(", ")))
    })?;
    if known.approval == Approve::Auto && known.gates.is_empty() {
        let message = format!("wave `{wave}` waits for nobody: it has approval Auto and no gates");
        return Err(Unsaid::Mistaken(message));
    }
    let target = fleet.status.as_ref().and_then(|status| status.target_revision.clone());
    let revision = target.ok_or_else(|| {
        Unsaid::Mistaken("no operator has said yet which revision the fleet goes to".to_owned())
    })?;
    let mut approvals = rollout.approvals.clone();
    approvals.retain(|approval| approval.wave != wave);
    approvals.push(Approval {
        revision: revision.clone(),
        wave: wave.to_owned(),
        at: time::to_api(Utc::now()),
    });
    Ok((approvals, revision))
}

/// The revision to go back to.
fn back(snapshot: &Snapshot, given: Option<&str>) -> Result<String, Unsaid> {
    let view = &snapshot.0;
    if let Some(given) = given {
        if view.revision(given).is_some() {
            return Ok(given.to_owned());
        }
        let known: Vec<String> =
            view.revisions.iter().map(|revision| revision.name_any()).collect();
        let message = format!("there is no revision `{given}`, only {}", known.join(", "));
        return Err(Unsaid::Mistaken(message));
    }
    let target = view.fleet.status.as_ref().and_then(|status| status.target_revision.as_deref());
    view.revisions
        .iter()
        .filter(|revision| Some(revision.name_any().as_str()) != target)
        .filter_map(|revision| {
            let promoted = revision.annotations().get(names::PROMOTED_AT)?;
            Some((time::from_text(promoted)?, revision.name_any()))
        })
        .max()
        .map(|(_, name)| name)
        .ok_or_else(|| {
            Unsaid::Mistaken(
                "no other revision was stable before; name the one to go to".to_owned(),
            )
        })
}

/// Changes the spec, unless somebody else did since it was read.
async fn change(client: &Client, fleet: &MeasurementFleet, spec: &Value) -> Result<(), Unsaid> {
    let name = fleet.name_any();
    let namespace = fleet.namespace().unwrap_or_default();
    let fleets: Api<MeasurementFleet> = Api::namespaced(client.clone(), &namespace);
    let refused = |source| Unsaid::Api { what: format!("change the fleet `{name}`"), source };
    let mut version = fleet.resource_version();
    loop {
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": spec});
        let answer = fleets.patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await;
        let conflict = match answer {
            Ok(_) => return Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => kube::Error::Api(status),
            Err(other) => return Err(refused(other)),
        };
        // The operator writes status all the time; what the person has read is the spec,
        // of which the generation tells.
        let now = fleets.get(&name).await.map_err(refused)?;
        if now.metadata.generation != fleet.metadata.generation {
            return Err(refused(conflict));
        }
        version = now.resource_version();
    }
}

/// Marks a node as drained, or no more.
async fn mark(
    client: &Client,
    snapshot: &Snapshot,
    node: &str,
    drain: &Value,
) -> Result<(), Unsaid> {
    let view = &snapshot.0;
    if view.record(node).is_none() {
        let message = format!(
            "`{node}` is no node of this fleet: `trigpoint fleet status {}` lists them",
            view.fleet.name_any()
        );
        return Err(Unsaid::Mistaken(message));
    }
    let records: Api<MeasurementNode> = Api::namespaced(client.clone(), &view.namespace());
    let patch = json!({"spec": {"drain": drain}});
    records
        .patch(node, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(drop)
        .map_err(|source| Unsaid::Api { what: format!("change the record of `{node}`"), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::tests::fleet;

    #[test]
    fn a_yes_is_for_one_wave_and_the_revision_on_its_way() {
        let mut fleet = fleet(&json!({"rollout": {
            "waves": [
                {"name": "canary", "percent": 10, "approval": "Manual"},
                {"name": "everywhere", "percent": 100},
            ],
            "approvals": [
                {"revision": "stations-aaaaaaaaaa", "wave": "canary", "at": "2026-01-01T00:00:00Z"},
            ],
        }}));
        let unseen = approvals(&fleet, "canary").unwrap_err().to_string();
        assert!(unseen.contains("no operator has said yet"), "{unseen}");
        fleet.status = Some(trigpoint_crd::MeasurementFleetStatus {
            target_revision: Some("stations-bbbbbbbbbb".to_owned()),
            ..Default::default()
        });
        let (given, revision) = approvals(&fleet, "canary").unwrap();
        assert_eq!(revision, "stations-bbbbbbbbbb");
        // The list has one approval of each wave.
        assert_eq!(given.len(), 1);
        assert_eq!(given[0].revision, revision);
        let unknown = approvals(&fleet, "cannery").unwrap_err().to_string();
        assert!(unknown.contains("only canary, everywhere"), "{unknown}");
        let needless = approvals(&fleet, "everywhere").unwrap_err().to_string();
        assert!(needless.contains("waits for nobody"), "{needless}");
    }
}
