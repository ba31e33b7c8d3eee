//! A world that stops changing.

use proptest::prelude::*;
use trigpoint_rollout::{Action, Plan, Presence, Reason, plan};

use super::invariants::qualifies;
use super::world::{Behaviour, Link, World, seconds};

/// More than any way through these waves takes.
const ROUNDS: usize = 1000;
/// Rounds, of seven seconds mostly, without a change: longer than any bake, deadline or
/// interval of a gate, and than a second try of a probe, which comes after ten minutes.
const QUIET: usize = 100;

/// Lets the planner work until nothing changes; it must then say why, in a word
/// that a person can act on.
pub(crate) fn settle(world: &mut World) -> Result<(), TestCaseError> {
    let mut quiet = 0;
    let mut last = None;
    for _ in 0..ROUNDS {
        let before = (world.ledger.clone(), labels(world));
        let seen = look(world);
        world.round(0, usize::MAX)?;
        world.advance(pause(world, &seen));
        world.check_cluster()?;
        let moved = seen.actions.iter().any(|action| !is_looking(action));
        let is_still =
            !moved && before.1 == labels(world) && before.0.claims == world.ledger.claims;
        quiet = if is_still { quiet + 1 } else { 0 };
        let is_standing = seen.fleet.progressing.reason.is_standing();
        let has_come_to_rest = is_standing && quiet > QUIET;
        last = Some(seen);
        if has_come_to_rest {
            break;
        }
    }
    let last = last.expect("there were rounds");
    let told = &last.fleet.progressing;
    prop_assert!(
        told.reason.is_standing() && quiet > QUIET,
        "it does not come to rest: {told:?}, {:?}",
        last.actions
    );
    assert_explained(world, &last)
}

/// Every node that has not the target says why.
fn assert_explained(world: &World, last: &Plan) -> Result<(), TestCaseError> {
    for (name, report) in &last.nodes {
        let node = &world.nodes[name];
        let has_target = node.label.as_ref() == Some(world.desired.target());
        let is_fine = has_target && report.is_ready;
        prop_assert!(is_fine || report.wait.is_some(), "{name} does not say why it waits");
        if last.fleet.progressing.reason == Reason::UpToDate && qualifies(&world.desired, node) {
            let is_out = !node.is_selected
                || node.is_cordoned
                || node.presence != Presence::Ready
                || node.record.as_ref().is_some_and(|record| record.maintenance.is_some());
            prop_assert!(is_fine || is_out, "up to date without {name}: {report:?}");
        }
    }
    Ok(())
}

/// Nobody waits for a window to open, seven seconds at a time.
fn pause(world: &World, seen: &Plan) -> std::time::Duration {
    let wait = &seen.fleet.progressing;
    let opens = wait.until.filter(|_| wait.reason == Reason::WindowClosed);
    opens.and_then(|opens| (opens - world.now).to_std().ok()).unwrap_or(seconds(7))
}

pub(crate) fn look(world: &mut World) -> Plan {
    world.refresh(0, u8::MAX);
    let view = &world.views[0];
    plan(&view.desired, &view.observed(), world.now)
}

fn labels(world: &World) -> Vec<Option<trigpoint_rollout::Revision>> {
    world.nodes.values().map(|node| node.label.clone()).collect()
}

/// Measuring again and again changes nothing.
fn is_looking(action: &Action) -> bool {
    matches!(action, Action::Measure { .. } | Action::Probe { .. } | Action::SelfTest { .. })
}

/// All that was broken is mended, and a good revision is wanted.
pub(crate) fn mend(world: &mut World) {
    for name in world.nodes.keys().cloned().collect::<Vec<_>>() {
        if matches!(world.nodes[&name].presence, Presence::Vanished { .. }) {
            world.replace(&name);
        }
        world.node_up(&name);
        world.links.insert(name.clone(), Link::Fast);
        let node = world.nodes.get_mut(&name).expect("it is a key");
        node.is_selected = true;
        node.is_cordoned = false;
        // The first node is in every wave that chooses by selector.
        if let Some(record) = &mut node.record {
            record.maintenance = None;
            record.facts = None;
        }
        world.touch(&name);
    }
    world.stuck_spools.clear();
    world.losing.clear();
    world.is_collector_up = true;
    world.desired.revision = None;
    world.desired.rollout.paused = false;
    world.desired.rollout.resumed_at = Some(world.now);
    for wave in &mut world.desired.rollout.waves {
        wave.approval = trigpoint_rollout::Approve::Auto;
    }
    // An idle second, or the repair itself would count as before `resume`.
    world.advance(seconds(1));
    world.new_revision(Behaviour::Good);
}

/// Every node has the newest revision, and it is the stable one.
pub(crate) fn assert_whole(world: &mut World) -> Result<(), TestCaseError> {
    let seen = look(world);
    let told = seen.fleet.progressing;
    let newest = &world.desired.newest;
    for (name, node) in &world.nodes {
        let report = &seen.nodes[name];
        prop_assert_eq!(
            node.label.as_ref(),
            Some(newest),
            "{} is left behind: {:?}, {:?}",
            name,
            told,
            report
        );
        prop_assert_eq!(node.pods.len(), 1);
    }
    prop_assert!(world.revisions[newest].promoted_at.is_some(), "{newest} is not promoted");
    prop_assert!(world.ledger.claims.is_empty(), "claims are left: {:?}", world.ledger.claims);
    Ok(())
}

/// The fleet is deleted: no label is left, and then no finalizer.
pub(crate) fn delete(world: &mut World) -> Result<(), TestCaseError> {
    world.desired.is_deleted = true;
    for _ in 0..3 {
        world.refresh(0, u8::MAX);
        world.round(0, usize::MAX)?;
        world.advance(seconds(30));
    }
    prop_assert!(!world.has_finalizer, "the finalizer is left");
    prop_assert!(world.nodes.values().all(|node| node.label.is_none()), "labels are left");
    Ok(())
}
