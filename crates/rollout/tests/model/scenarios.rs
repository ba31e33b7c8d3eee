//! What an operator of a fleet sees, by example.

use trigpoint_rollout::{
    Approve, FleetReport, Limit, OnFail, OnFailure, Presence, Reason, Revision,
};

use super::operation::Operation as O;
use super::settling::look;
use super::world::{Behaviour, Setup, World};

/// Four stations on the stable revision; a canary, then all.
fn setup() -> Setup {
    Setup {
        sites: vec![1, 2, 3, 0],
        is_established: true,
        waves: vec![(Some(25), 1, true, false)],
        max_unavailable: Limit::Count(2),
        max_lost: 1,
        failure_budget: 0,
        on_failure: OnFailure::Pause,
        requires_self_test: true,
        on_fail: OnFail::Exclude,
        has_windows: false,
    }
}

fn after(setup: &Setup, operations: &[O]) -> World {
    let mut world = World::new(setup);
    act(&mut world, operations);
    world
}

fn act(world: &mut World, operations: &[O]) {
    for operation in operations {
        world.perform(operation).expect("the invariants hold");
    }
}

fn fleet(world: &mut World) -> FleetReport {
    look(world).fleet
}

/// How many nodes have a revision.
fn having(world: &World, revision: &Revision) -> usize {
    world.nodes.values().filter(|node| node.label.as_ref() == Some(revision)).count()
}

fn stable() -> Revision {
    Revision::new("edge-0")
}

#[test]
fn a_good_revision_gets_everywhere_and_is_then_the_stable_one() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::Good), O::Work(200)]);
    let report = fleet(&mut world);
    assert_eq!(report.progressing.reason, Reason::UpToDate);
    assert_eq!(report.stable, Some(world.desired.newest.clone()));
    assert_eq!((report.updated, report.ready, world.releases), (4, 4, 4));
}

#[test]
fn a_canary_that_crashes_is_back_on_stable_and_nobody_else_was_touched() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::Crashes), O::Work(200)]);
    let report = fleet(&mut world);
    assert_eq!(report.progressing.reason, Reason::FailureBudgetExhausted);
    assert_eq!(report.paused.map(|wait| wait.reason), Some(Reason::FailureBudgetExhausted));
    assert_eq!((having(&world, &stable()), report.ready, report.failed), (4, 4, 1));
    // There and back again, and nothing more.
    assert_eq!(world.releases, 2);
}

#[test]
fn a_wrong_image_releases_no_node() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::ProbeFails), O::Work(200)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::ProbeFailed);
    assert_eq!((having(&world, &stable()), world.releases), (4, 0));
}

#[test]
fn too_few_samples_pause_until_a_person_answers_for_them() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::GateInconclusive), O::Work(200)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::GateInconclusive);
    assert_eq!(world.releases, 1);
    act(&mut world, &[O::Approve, O::Work(200)]);
    // The next wave has a gate of its own.
    assert_eq!(fleet(&mut world).wave.as_deref(), Some("all"));
    assert_eq!(world.releases, 4);
}

#[test]
fn a_gate_that_fails_pauses_or_rolls_back_what_was_updated() {
    let bad = [O::NewRevision(Behaviour::GateFails), O::Work(200)];
    let mut world = after(&setup(), &bad);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::GateFailed);
    assert_eq!((having(&world, &stable()), world.releases), (3, 1));
    let rollback = Setup { on_failure: OnFailure::Rollback, ..setup() };
    let mut world = after(&rollback, &bad);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::GateFailed);
    assert_eq!((having(&world, &stable()), world.releases), (4, 2));
}

#[test]
fn a_manual_wave_waits_for_a_person() {
    let manual = Setup { waves: vec![(Some(25), 1, true, true)], ..setup() };
    let mut world = after(&manual, &[O::NewRevision(Behaviour::Good), O::Work(200)]);
    assert_eq!(world.desired.rollout.waves[0].approval, Approve::Manual);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::AwaitingApproval);
    assert_eq!(world.releases, 1);
    act(&mut world, &[O::Approve, O::Work(200)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::UpToDate);
}

#[test]
fn a_node_that_joins_in_the_middle_gets_the_stable_revision() {
    let inconclusive = O::NewRevision(Behaviour::GateInconclusive);
    // A fifth of four nodes, and of five, is one.
    let setup = Setup { waves: vec![(Some(20), 1, true, false)], ..setup() };
    let world = after(&setup, &[inconclusive, O::Work(100), O::Join(0), O::Work(100)]);
    assert_eq!(world.nodes["n4"].label, Some(stable()));
    assert_eq!(world.nodes["n4"].pods.len(), 1);
}

#[test]
fn going_back_to_what_was_promoted_needs_no_wave() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::Good), O::Work(200)]);
    assert_eq!(having(&world, &stable()), 0);
    // No gate and no bake: handoffs, two at a time.
    act(&mut world, &[O::Pin(0), O::Work(80)]);
    assert_eq!(having(&world, &stable()), 4);
    let report = fleet(&mut world);
    assert_eq!((report.stable, report.wave), (Some(stable()), None));
}

#[test]
fn going_back_to_what_every_node_has_still_begins_its_rollout_once() {
    let one_wave = Setup { waves: Vec::new(), ..setup() };
    let mut world = after(&one_wave, &[O::NewRevision(Behaviour::GateInconclusive), O::Work(200)]);
    let everywhere = world.desired.newest.clone();
    act(&mut world, &[O::NewRevision(Behaviour::Good), O::Work(1)]);
    world.desired.revision = Some(everywhere.clone());
    act(&mut world, &[O::Work(30)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::GateInconclusive);
    assert_eq!(world.ledger.rollout.map(|rollout| rollout.revision), Some(everywhere));
}

#[test]
fn maintenance_drains_a_node_and_gives_it_back_what_it_had() {
    let mut world = after(&setup(), &[O::Pause(true), O::Maintain(1, true), O::Work(20)]);
    let node = &look(&mut world).nodes["n1"];
    assert_eq!(node.wait.as_ref().map(|wait| wait.reason), Some(Reason::Drained));
    assert_eq!((node.revision.clone(), world.nodes["n1"].pods.len()), (None, 0));
    act(&mut world, &[O::Pause(false), O::Maintain(1, false), O::Work(40)]);
    assert_eq!(world.nodes["n1"].label, Some(stable()));
    assert_eq!(fleet(&mut world).progressing.reason, Reason::UpToDate);
}

#[test]
fn a_node_that_dies_in_the_middle_holds_up_nobody() {
    let mut world = after(&setup(), &[O::NewRevision(Behaviour::Good), O::Work(3)]);
    while world.ledger.claims.is_empty() {
        act(&mut world, &[O::Work(1)]);
    }
    let dead = world.ledger.claims.keys().next().expect("a claim").clone();
    let index = world.nodes.keys().position(|name| *name == dead).expect("its node") as u8;
    act(&mut world, &[O::Work(2), O::Down(index), O::Work(300)]);
    let plan = look(&mut world);
    assert_eq!(plan.nodes[&dead].wait.as_ref().map(|wait| wait.reason), Some(Reason::NodeLost));
    assert_eq!((plan.fleet.updated, plan.fleet.lost), (3, 1));
    assert_eq!(plan.fleet.stable, Some(world.desired.newest.clone()));
    act(&mut world, &[O::Up(index), O::Work(60)]);
    assert_eq!(fleet(&mut world).updated, 4);
    assert_eq!(world.nodes[&dead].presence, Presence::Ready);
}

#[test]
fn a_wave_passes_when_who_failed_is_back_on_the_stable_revision() {
    let forgiving = Setup { waves: Vec::new(), failure_budget: 1, ..setup() };
    let mut world = after(&forgiving, &[O::SkipGates(true), O::NewRevision(Behaviour::Good)]);
    let newest = world.desired.newest.clone();
    while having(&world, &newest) < 4 || world.ledger.claims.len() > 1 {
        act(&mut world, &[O::Work(1)]);
    }
    let failed = world.ledger.claims.keys().next().expect("a claim").clone();
    let index = world.nodes.keys().position(|name| *name == failed).expect("its node") as u8;
    act(&mut world, &[O::Down(index)]);
    while world.ledger.failures.is_empty() {
        act(&mut world, &[O::Work(1)]);
    }
    act(&mut world, &[O::Up(index), O::Work(100)]);
    let report = fleet(&mut world);
    assert_eq!((report.stable, report.ready, report.failed), (Some(newest), 4, 1));
    assert_eq!(world.nodes[&failed].label, Some(stable()));
}

#[test]
fn a_station_that_broke_in_an_interrupted_rollout_holds_up_nobody() {
    // The first wave is not its, and no second station may be away.
    let selected =
        Setup { waves: vec![(None, 1, false, false)], max_unavailable: Limit::Count(1), ..setup() };
    let mut world = World::new(&selected);
    act(&mut world, &[O::NewRevision(Behaviour::Crashes)]);
    let crashing = world.desired.newest.clone();
    let node = world.nodes.get_mut("n1").expect("a node");
    node.pods.clear();
    node.label = Some(crashing.clone());
    node.record.as_mut().expect("its record").assigned = Some(crashing);
    act(&mut world, &[O::NewRevision(Behaviour::Good), O::Work(300)]);
    let report = fleet(&mut world);
    assert_eq!((report.progressing.reason, report.updated), (Reason::UpToDate, 4));
}

#[test]
fn more_dead_nodes_than_allowed_pause() {
    let begin = [O::Down(0), O::Down(1), O::NewRevision(Behaviour::Good), O::Work(50)];
    let mut world = after(&setup(), &begin);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::NodesLost);
    assert_eq!(world.releases, 0);
    act(&mut world, &[O::Up(0), O::Work(300)]);
    assert_eq!(fleet(&mut world).updated, 3);
}

#[test]
fn who_was_left_out_says_so_when_all_that_were_updated_die_before_the_promotion() {
    let one_wave = Setup { waves: Vec::new(), ..setup() };
    let mut world = after(&one_wave, &[O::Cordon(3, true), O::NewRevision(Behaviour::Good)]);
    let has_passed =
        |world: &World| world.ledger.rollout.as_ref().is_some_and(|r| !r.passed.is_empty());
    while !has_passed(&world) {
        act(&mut world, &[O::Work(1)]);
    }
    act(&mut world, &[O::Down(0), O::Down(1), O::Down(2), O::Cordon(3, false), O::Work(50)]);
    let plan = look(&mut world);
    assert_eq!(plan.fleet.progressing.reason, Reason::NodesLost);
    let wait = plan.nodes["n3"].wait.as_ref().map(|wait| wait.reason);
    assert_eq!((plan.nodes["n3"].is_ready, wait), (true, Some(Reason::NodesLost)));
}

#[test]
fn when_all_that_were_updated_are_gone_before_the_promotion_others_come_to_the_target() {
    let one_wave = Setup { waves: Vec::new(), ..setup() };
    let mut world = after(&one_wave, &[O::NewRevision(Behaviour::Good)]);
    let has_passed =
        |world: &World| world.ledger.rollout.as_ref().is_some_and(|r| !r.passed.is_empty());
    while !has_passed(&world) {
        act(&mut world, &[O::Work(1)]);
    }
    act(&mut world, &[O::Replace(0), O::Replace(1), O::Replace(2), O::Replace(3)]);
    act(&mut world, &[O::Work(200)]);
    let report = fleet(&mut world);
    assert_eq!((report.progressing.reason, report.updated), (Reason::UpToDate, 4));
    assert_eq!(report.stable, Some(world.desired.newest.clone()));
}

#[test]
fn lost_rows_and_missing_collectors_pause() {
    let mut world =
        after(&setup(), &[O::Collector(false), O::NewRevision(Behaviour::Good), O::Work(50)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::IngestUnhealthy);
    assert_eq!(world.releases, 0);
    let losing: Vec<O> = (0..4).map(O::LoseRows).collect();
    act(&mut world, &losing);
    act(&mut world, &[O::Collector(true), O::Work(50)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::RowsLost);
    assert_eq!(world.releases, 1);
    act(&mut world, &[O::Resume, O::Work(10)]);
    assert_ne!(fleet(&mut world).progressing.reason, Reason::RowsLost);
}

#[test]
fn a_wiped_status_costs_no_handoff() {
    for at in (0..60).step_by(2) {
        let mut world = after(&setup(), &[O::NewRevision(Behaviour::Good), O::Work(at)]);
        act(&mut world, &[O::WipeStatus, O::Work(250)]);
        assert_eq!(fleet(&mut world).progressing.reason, Reason::UpToDate, "wiped at {at}");
        assert_eq!(world.releases, 4, "wiped at {at}");
    }
}

#[test]
fn a_rule_that_nobody_meets_empties_no_more_than_the_budget() {
    let slow: Vec<O> = (0..4).map(|n| O::Link(n, super::world::Link::Slow)).collect();
    let mut world = World::new(&setup());
    act(&mut world, &slow);
    // Until the facts are found out again, and long after.
    act(&mut world, &[O::Work(400)]);
    assert_eq!(fleet(&mut world).excluded, 4);
    assert_eq!(world.nodes.values().filter(|node| node.pods.is_empty()).count(), 2);
}

#[test]
fn in_a_closed_window_nobody_is_taken() {
    let windowed = Setup { has_windows: true, ..setup() };
    // From eight o'clock to twenty past, and so on every hour.
    let mut world = after(&windowed, &[O::Advance(21 * 60), O::NewRevision(Behaviour::Good)]);
    act(&mut world, &[O::Work(100)]);
    let report = fleet(&mut world);
    assert_eq!(report.progressing.reason, Reason::WindowClosed);
    let opens = "2026-11-27T09:00:00Z".parse().ok();
    assert_eq!((report.progressing.until, world.releases), (opens, 0));
    act(&mut world, &[O::Advance(33 * 60), O::Work(200)]);
    assert_eq!(fleet(&mut world).progressing.reason, Reason::UpToDate);
}

#[test]
fn a_new_node_waits_for_its_wave_where_the_stable_revision_is_gone() {
    let no_gates = Setup { waves: Vec::new(), ..setup() };
    let mut world = after(&no_gates, &[O::SkipGates(true)]);
    world.behaviours.insert(stable(), Behaviour::ProbeFails);
    // All machines are replaced, and the image of the stable revision is gone.
    act(&mut world, &[O::Replace(0), O::Replace(1), O::Replace(2), O::Replace(3)]);
    act(&mut world, &[O::Work(50)]);
    assert_eq!(fleet(&mut world).ready, 0);
    act(&mut world, &[O::NewRevision(Behaviour::Good), O::Work(200)]);
    let report = fleet(&mut world);
    assert_eq!((report.progressing.reason, report.updated), (Reason::UpToDate, 4));
    assert_eq!(report.stable, Some(world.desired.newest.clone()));
}

#[test]
fn a_first_revision_that_fails_its_test_everywhere_is_not_promoted() {
    let forgiving = Setup { sites: vec![0], is_established: false, failure_budget: 1, ..setup() };
    let mut world = World::new(&forgiving);
    world.behaviours.insert(stable(), Behaviour::SelfTestFails);
    act(&mut world, &[O::Work(200)]);
    let report = fleet(&mut world);
    assert_eq!((report.ready, report.failed, report.stable), (1, 1, None));
    assert_eq!(report.progressing.reason, Reason::NodeFailed);
    world.behaviours.insert(stable(), Behaviour::Good);
    act(&mut world, &[O::Resume, O::Work(50)]);
    assert_eq!(fleet(&mut world).stable, Some(stable()));
}

#[test]
fn a_node_that_comes_back_has_time_to_tell_of_its_pod() {
    let one_wave = Setup { waves: Vec::new(), ..setup() };
    let inconclusive = O::NewRevision(Behaviour::GateInconclusive);
    let mut world = after(&one_wave, &[inconclusive, O::Work(200), O::Down(1), O::Work(100)]);
    act(&mut world, &[O::Up(1), O::Work(1)]);
    // Its pod is told of later.
    assert_eq!(fleet(&mut world).ready, 3);
    act(&mut world, &[O::Work(30)]);
    let report = fleet(&mut world);
    assert_eq!((report.ready, report.failed), (4, 0));
}

#[test]
fn a_station_that_is_selected_no_more_and_did_not_serve_counts_once_it_is_taken() {
    let mut world =
        after(&Setup { sites: vec![0; 4], max_unavailable: Limit::Count(1), ..setup() }, &[]);
    act(&mut world, &[O::Select(0, false), O::Select(1, false)]);
    for name in ["n0", "n1"] {
        for pod in &mut world.nodes.get_mut(name).expect("a node").pods {
            pod.readiness = trigpoint_rollout::Readiness::NotReady { since: world.now };
        }
    }
    while world.nodes.values().filter(|node| node.label.is_none()).count() < 2 {
        act(&mut world, &[O::Work(1)]);
        assert!(world.ledger.claims.len() <= 1, "{:?}", world.ledger.claims);
    }
}
