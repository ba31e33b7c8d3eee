//! One round over one fleet: see, plan, act, tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use serde_json::json;
use tracing::{info, warn};
use trigpoint_crd::MeasurementFleet;
use trigpoint_rollout::{self as rollout, Action, Change, Observed, Plan, Revision, Time};

use crate::act::{Actor, Hands};
use crate::asked::Answers;
use crate::desired::desired;
use crate::error::Stop;
use crate::observed::{Seen, observed, pod};
use crate::settings::Settings;
use crate::view::View;
use crate::{names, revisions, status};

/// After a refusal the stores have to catch up.
const CATCH_UP: Duration = Duration::from_secs(1);
/// What was asked for, and was not as it should be, may be so by then.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What is kept of a fleet from round to round; all of it may be lost.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) answers: Answers,
    seen: Seen,
    /// Pods that left, until the status tells how.
    pub(crate) departed: Vec<Arc<Pod>>,
    /// When the fleet's status was last written.
    told_at: Option<Instant>,
}

impl Memory {
    /// What a round knew of, and has told.
    pub(crate) fn forget(&mut self, known: usize, plan: &Plan) {
        let later = self.departed.split_off(known);
        let untold: BTreeSet<&str> = rewritten(plan).collect();
        self.departed.retain(|left| pod::node(left).is_some_and(|node| untold.contains(node)));
        self.departed.extend(later);
    }
}

/// How a round ended.
#[derive(Debug)]
pub(crate) struct Round {
    /// When to look again, although nothing else changes.
    pub(crate) wake_at: Option<Time>,
    /// What the planner reported, where it was asked.
    pub(crate) plan: Option<Plan>,
}

impl Round {
    /// The API server will tell of what was just written.
    fn written() -> Self {
        Self { wake_at: None, plan: None }
    }
}

pub(crate) async fn round(
    hands: &Hands,
    settings: &Settings,
    view: &View,
    memory: &mut Memory,
) -> Result<Round, Stop> {
    let now = Utc::now();
    let actor = Actor { hands, view, now };
    let fleet = view.fleet.as_ref();
    let is_deleted = fleet.metadata.deletion_timestamp.is_some();
    let is_held = fleet.finalizers().iter().any(|finalizer| finalizer == names::FINALIZER);
    if is_deleted && !is_held {
        return Ok(Round::written());
    }
    if let Some(rival) = &view.rival {
        let message = format!(
            "namespace `{rival}` has an older fleet of this name, and nodes know a fleet by its \
             name alone: give this one another name"
        );
        return invalid_is_told(&actor, Err(Stop::Invalid(message))).await;
    }
    if !is_deleted && !is_held {
        actor.add_finalizer().await?;
        return Ok(Round::written());
    }
    let newest = invalid_is_told(&actor, revisions::newest(view)).await?;
    if !newest.is_stored && !is_deleted {
        let made = revisions::make(view, &newest.revision, settings);
        actor.create_revision(&invalid_is_told(&actor, made).await?).await?;
        return Ok(Round::written());
    }
    if !is_deleted {
        actor.keep_service().await?;
        actor.repair().await?;
    }
    let planned = planned(hands, settings, view, memory, newest.revision, now).await;
    let (observed, plan, mut wake_at) = invalid_is_told(&actor, planned).await?;
    let acted = act(&actor, &plan).await;
    if let Ok(Outcome::Refused) = acted {
        wake_at = Some(earlier(wake_at, now + CATCH_UP));
    }
    if !matches!(acted, Err(Stop::LeaseLost)) {
        // Also where an action failed: the reason may be in it.
        if let Some(at) = tell(&actor, &observed, &plan, &mut memory.told_at).await? {
            wake_at = Some(earlier(wake_at, at));
        }
        actor.tidy().await?;
    }
    if let Ok(Outcome::Done) = acted {
        match actor.sample(&plan.fleet).await {
            Ok(at) => wake_at = at.map_or(wake_at, |at| Some(earlier(wake_at, at))),
            Err(Stop::Refused { .. }) => wake_at = Some(earlier(wake_at, now + CATCH_UP)),
            Err(stop) => return Err(stop),
        }
    }
    acted.map(|_| Round { wake_at, plan: Some(plan) })
}

/// Plans on hopes first, and on answers where it would touch a node.
async fn planned(
    hands: &Hands,
    settings: &Settings,
    view: &View,
    memory: &mut Memory,
    newest: Revision,
    now: Time,
) -> Result<(Observed, Plan, Option<Time>), Stop> {
    let started = Instant::now();
    let desired = desired(&view.fleet, newest)?;
    let mut observed = observed(view, &mut memory.seen, now)?;
    let mut plan = rollout::plan(&desired, &observed, now);
    let mut wake_at = plan.wake_at;
    let mut took = view.took + started.elapsed();
    let touched = touched(&plan);
    if !desired.is_deleted && !touched.is_empty() {
        let target = desired.target().as_str();
        let asked = memory.answers.ask(hands, settings, view, target, &touched).await?;
        let started = Instant::now();
        if asked.apply_to(&mut observed) {
            let answered = rollout::plan(&desired, &observed, now);
            wake_at = if answered == plan {
                answered.wake_at
            } else {
                Some(earlier(answered.wake_at, now + ASK_AGAIN))
            };
            plan = answered;
        }
        took += started.elapsed();
    }
    hands.metrics.plan_seconds.observe(took.as_secs_f64());
    Ok((observed, plan, wake_at))
}

/// Nodes that a plan would claim, release or start a probe on.
fn touched(plan: &Plan) -> BTreeSet<&str> {
    let mut nodes = BTreeSet::new();
    for action in &plan.actions {
        match action {
            Action::Release { node, .. } | Action::Probe { node, .. } => {
                nodes.insert(node.as_str());
            }
            Action::Record { changes, .. } => {
                nodes.extend(changes.iter().filter_map(|change| match change {
                    Change::Claim { node, .. } => Some(node.as_str()),
                    _ => None,
                }));
            }
            _ => {}
        }
    }
    nodes
}

fn earlier(one: Option<Time>, other: Time) -> Time {
    one.map_or(other, |one| one.min(other))
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// Something is not as the plan has it; the rest of it was dropped.
    Refused,
}

async fn act(actor: &Actor<'_>, plan: &Plan) -> Result<Outcome, Stop> {
    for action in &plan.actions {
        match actor.carry_out(action).await {
            Ok(()) => actor.tell(action).await,
            Err(stop @ Stop::Refused { .. }) => {
                info!(fleet = actor.view.fleet.name_any(), reason = %stop, "planning again");
                return Ok(Outcome::Refused);
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(Outcome::Done)
}

/// Nodes whose records a plan writes over.
fn rewritten(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.actions.iter().filter_map(|action| match action {
        Action::Register { node, .. } | Action::Assign { node, .. } => Some(node.as_str()),
        _ => None,
    })
}

/// Writes what differs in the status of the fleet and of its nodes; when to do so again,
/// if something is left for later.
async fn tell(
    actor: &Actor<'_>,
    observed: &Observed,
    plan: &Plan,
    told_at: &mut Option<Instant>,
) -> Result<Option<Time>, Stop> {
    let view = actor.view;
    // Their status would be refused: it is for another version than there is now, and
    // the next round sees that one.
    let rewritten: BTreeSet<&str> = rewritten(plan).collect();
    for record in &view.records {
        let node = &record.spec.node_name;
        if let Some(report) = plan.nodes.get(node).filter(|_| !rewritten.contains(node.as_str())) {
            let status = status::of_node(view, observed, &plan.fleet, report, record, actor.now);
            actor.write_node_status(record, status, report.step.is_some()).await?;
        }
    }
    let troubles = status::troubles(view);
    let status = status::of_fleet(&view.fleet, observed, plan, &troubles, actor.now);
    actor.write_fleet_status(status, told_at).await
}

/// What a person must change is said where the person looks.
async fn invalid_is_told<T>(actor: &Actor<'_>, result: Result<T, Stop>) -> Result<T, Stop> {
    if let Err(Stop::Invalid(message)) = &result {
        let status = status::invalid(&actor.view.fleet, message.clone(), actor.now);
        if let Err(error) = actor.write_fleet_status(status, &mut None).await {
            warn!(fleet = actor.view.fleet.name_any(), %error, "cannot say what is wrong");
        }
    }
    result
}

impl Actor<'_> {
    /// From now on the fleet does not go before its labels are gone.
    async fn add_finalizer(&self) -> Result<(), Stop> {
        let fleet = &self.view.fleet;
        let mut finalizers = fleet.finalizers().to_vec();
        finalizers.push(names::FINALIZER.to_owned());
        let patch = json!({"metadata": {
            "resourceVersion": fleet.resource_version(),
            "finalizers": finalizers,
        }});
        let api = self.hands.api::<MeasurementFleet>(&self.view.namespace());
        self.patch(&api, &fleet.name_any(), &patch).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use trigpoint_rollout::Fence;

    use super::*;
    use crate::desired::tests::fleet;
    use crate::time::from_text;

    fn pod_of(node: &str) -> Arc<Pod> {
        Arc::new(
            serde_json::from_value(json!({"spec": {"nodeName": node, "containers": []}})).unwrap(),
        )
    }

    #[test]
    fn how_a_pod_left_is_kept_until_the_record_of_its_node_can_be_told() {
        let now = from_text("2026-11-27T08:00:00Z").unwrap();
        let revision = Revision::new("stations-0123456789");
        let desired = desired(&fleet(&json!({})), revision.clone()).unwrap();
        let mut plan = rollout::plan(&desired, &Observed::default(), now);
        let (uid, version) = ("uid".to_owned(), "1".to_owned());
        let fence = Fence { uid, version: version.clone(), label: None, ledger_version: version };
        plan.actions.push(Action::Assign { node: "assigned".to_owned(), fence, revision });
        let mut memory = Memory {
            departed: ["told", "assigned", "later"].map(pod_of).to_vec(),
            ..Memory::default()
        };
        memory.forget(2, &plan);
        let kept: Vec<_> = memory.departed.iter().filter_map(|pod| pod::node(pod)).collect();
        assert_eq!(kept, ["assigned", "later"]);
    }
}
