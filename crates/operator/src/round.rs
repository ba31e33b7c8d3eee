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
use trigpoint_rollout::{Action, Change, Observed, Plan, Revision, Time, plan};

use crate::act::{Actor, Hands};
use crate::asked::{Answers, Asked};
use crate::desired::desired;
use crate::error::Stop;
use crate::observed::observed;
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
    /// Pods that left, until the status tells how.
    pub(crate) departed: Vec<Arc<Pod>>,
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
        tell(&actor, &observed, &plan).await?;
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
    let hoped = observed(view, &Asked::hoped(view), now)?;
    let hopeful = plan(&desired, &hoped, now);
    hands.metrics.plan_seconds.observe(started.elapsed().as_secs_f64());
    let touched = touched(&hopeful);
    if desired.is_deleted || touched.is_empty() {
        let wake_at = hopeful.wake_at;
        return Ok((hoped, hopeful, wake_at));
    }
    let target = desired.target().as_str().to_owned();
    let asked = memory.answers.ask(hands, settings, view, &target, &touched).await?;
    let observed = observed(view, &asked, now)?;
    let plan = plan(&desired, &observed, now);
    let wake_at =
        if plan == hopeful { plan.wake_at } else { Some(earlier(plan.wake_at, now + ASK_AGAIN)) };
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

/// Writes what differs in the status of the fleet and of its nodes.
async fn tell(actor: &Actor<'_>, observed: &Observed, plan: &Plan) -> Result<(), Stop> {
    let view = actor.view;
    for record in &view.records {
        if let Some(report) = plan.nodes.get(&record.spec.node_name) {
            let status = status::of_node(view, observed, &plan.fleet, report, record, actor.now);
            actor.write_node_status(record, status).await?;
        }
    }
    let troubles = status::troubles(view);
    let status = status::of_fleet(&view.fleet, observed, plan, &troubles, actor.now);
    actor.write_fleet_status(status).await
}

/// What a person must change is said where the person looks.
async fn invalid_is_told<T>(actor: &Actor<'_>, result: Result<T, Stop>) -> Result<T, Stop> {
    if let Err(Stop::Invalid(message)) = &result {
        let status = status::invalid(&actor.view.fleet, message.clone(), actor.now);
        if let Err(error) = actor.write_fleet_status(status).await {
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
