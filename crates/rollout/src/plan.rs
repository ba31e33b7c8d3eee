//! From what is desired and observed to what is done.

use std::collections::BTreeMap;

use crate::budgets::Budgets;
use crate::course::Kind;
use crate::qualification::Qualified;
use crate::report::{FleetReport, InFlight, NodeReport, Plan};
use crate::situation::{Draft, Situation};
use crate::{
    Action, Change, Desired, Observed, Reason, Time, Wait, candidates, deletion, handoff,
    maintenance, prove, revisions, rollback, stops, waves,
};

/// What to do now about a fleet, and why not more.
///
/// The same arguments give the same plan.  The ledger is written at most once in
/// it, and nothing else in the same plan rests on that write.
pub fn plan(desired: &Desired, observed: &Observed, now: Time) -> Plan {
    let situation = Situation::new(desired, observed, now);
    let mut draft = Draft::new(observed.ledger.clone(), now);
    if desired.is_deleted {
        deletion::delete(&situation, &mut draft);
        return report(&situation, draft, None);
    }
    begin(&situation, &mut draft);
    maintenance::drain(&situation, &mut draft);
    handoff::advance(&situation, &mut draft);
    rollback::find_broken(&situation, &mut draft);
    let wave = waves::review(&situation, &mut draft);
    candidates::claim(&situation, &mut draft);
    prove::facts(&situation, &mut draft);
    revisions::promote(&situation, &mut draft);
    revisions::keep(&situation, &mut draft);
    if !draft.changes.is_empty() {
        draft.actions.push(Action::Record {
            expected_version: observed.ledger_version.clone(),
            changes: std::mem::take(&mut draft.changes),
            ledger: draft.ledger.clone(),
        });
    }
    report(&situation, draft, wave)
}

/// A new target is a new rollout: waves, failures and gates start over.
fn begin(situation: &Situation<'_>, draft: &mut Draft) {
    let target = &situation.course.target;
    if !situation.has_begun() && situation.observed.revisions.contains_key(target) {
        draft.change(Change::Begin { revision: target.clone() });
    }
}

fn report(situation: &Situation<'_>, draft: Draft, wave: Option<Wait>) -> Plan {
    let fleet = fleet(situation, &draft, wave);
    let nodes = nodes(situation, &draft);
    Plan { actions: draft.actions, fleet, nodes, wake_at: draft.wake_at }
}

fn nodes(situation: &Situation<'_>, draft: &Draft) -> BTreeMap<String, NodeReport> {
    let admitted = waves::admitted(situation, &draft.ledger);
    situation
        .nodes()
        .map(|(name, node)| {
            let claim = draft.ledger.claims.get(name);
            let wanted = match claim {
                Some(claim) => claim.to.clone(),
                None => match candidates::intent(situation, &draft.ledger, &admitted, name, node) {
                    candidates::Intent::Keep | candidates::Intent::Rest(_) => node.label.clone(),
                    candidates::Intent::Give(revision) => Some(revision),
                    candidates::Intent::Empty => None,
                },
            };
            let report = NodeReport {
                qualified: situation.verdict(name).clone(),
                revision: node.label.clone(),
                wanted,
                is_ready: node.ready_pod().is_some(),
                step: claim.map(|claim| handoff::step(node, claim)),
                wait: draft.waits.get(name).cloned(),
            };
            (name.to_owned(), report)
        })
        .collect()
}

fn fleet(situation: &Situation<'_>, draft: &Draft, wave: Option<Wait>) -> FleetReport {
    let course = &situation.course;
    let ledger = &draft.ledger;
    let budgets = Budgets::of(situation, ledger);
    let halt = stops::halt(situation, ledger, &budgets);
    let count = |test: &dyn Fn(&str, &crate::Node) -> bool| {
        situation.nodes().filter(|(name, node)| node.is_selected && test(name, node)).count()
    };
    let in_flight = ledger.claims.iter().filter_map(|(name, claim)| {
        let step = handoff::step(situation.observed.nodes.get(name)?, claim);
        Some(InFlight { node: name.clone(), step, since: claim.since, attempt: claim.attempt })
    });
    FleetReport {
        stable: course.stable.clone(),
        target: course.target.clone(),
        wave: situation.open_wave(ledger).map(|wave| wave.name.clone()),
        selected: count(&|_, _| true),
        qualified: count(&|name, node| situation.qualifies(name, node)),
        excluded: count(&|name, _| {
            matches!(situation.verdict(name), Qualified::No(_) | Qualified::Unknown(_))
        }),
        updated: count(&|name, node| {
            node.label.as_ref() == Some(&course.target) && !ledger.claims.contains_key(name)
        }),
        ready: count(&|_, node| node.ready_pod().is_some()),
        unavailable: budgets.unavailable,
        lost: budgets.lost,
        failed: ledger.failures_with(&course.target, situation.desired.rollout.resumed_at).count(),
        in_flight: in_flight.collect(),
        gates: ledger.gates.clone(),
        paused: paused(situation, draft, halt.as_ref(), wave.as_ref()),
        progressing: progressing(situation, draft, halt, wave),
    }
}

fn paused(
    situation: &Situation<'_>,
    draft: &Draft,
    halt: Option<&Wait>,
    wave: Option<&Wait>,
) -> Option<Wait> {
    halt.cloned()
        .or_else(|| stops::stop(situation, &draft.ledger))
        .or_else(|| wave.filter(|wait| wait.reason.is_standing()).cloned())
}

/// The one thing that the fleet waits for.
fn progressing(
    situation: &Situation<'_>,
    draft: &Draft,
    halt: Option<Wait>,
    wave: Option<Wait>,
) -> Wait {
    let ledger = &draft.ledger;
    if situation.desired.is_deleted {
        return Wait::new(Reason::Deleting, "its labels are taken from the nodes");
    }
    let stop = stops::stop(situation, ledger);
    let moving: Vec<String> = ledger
        .claims
        .iter()
        .filter(|(name, claim)| !handoff::is_lost(situation, name, claim))
        .map(|(name, _)| match draft.waits.get(name) {
            Some(wait) => format!("`{name}`: {}", wait.message),
            None => format!("`{name}`"),
        })
        .collect();
    if !moving.is_empty() {
        let is_back = situation.course.kind == Kind::Waves && stop.is_some();
        let reason = if is_back { Reason::RollingBack } else { Reason::RollingOut };
        let message = format!("{} in flight: {}", moving.len(), moving.join("; "));
        return Wait::new(reason, message);
    }
    if let Some(wait) = halt.or(stop).or(wave) {
        return wait;
    }
    // What goes on by itself is told before what stands.
    let blocked = |is_standing: bool| {
        situation
            .nodes()
            .filter(|(name, node)| situation.qualifies(name, node))
            .filter_map(|(name, _)| Some((name, draft.waits.get(name)?)))
            .find(|(_, wait)| {
                wait.reason.is_standing() == is_standing && wait.reason != Reason::WaveNotOpen
            })
            .map(|(name, wait)| Wait {
                message: format!("`{name}`: {}", wait.message),
                ..wait.clone()
            })
    };
    if let Some(wait) = blocked(false).or_else(|| blocked(true)) {
        return wait;
    }
    if let Some((name, _)) = situation.nodes().find(|(name, node)| situation.is_awaited(name, node))
    {
        return Wait::new(Reason::Probing, format!("`{name}`: its facts are being found out"));
    }
    let has_stations = situation.nodes().any(|(name, node)| situation.qualifies(name, node));
    if !has_stations {
        return Wait::new(Reason::NoQualifiedNodes, "no node is selected and qualifies");
    }
    if !draft.actions.is_empty() {
        return Wait::new(Reason::RollingOut, "what was decided is being carried out");
    }
    Wait::new(Reason::UpToDate, "every node that qualifies has what it is to have")
}
