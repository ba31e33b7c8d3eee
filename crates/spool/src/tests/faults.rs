//! One history, with each kind of trouble at each of its calls on the disk.

use super::{
    faulty_disk::{Fault, Trouble},
    world::{Action, World},
    *,
};

/// Segments of three or four batches, and room for six of them.
const SETTINGS: Settings = Settings { segment_bytes: 400, max_bytes: 2400 };

/// Everything that a spool does: appends over several segments, the size cap,
/// acknowledgements, numbers that move on, and restarts.
fn history() -> Vec<Action> {
    let mut history = Vec::new();
    history.extend((0..9).map(|number| Action::Append(40 + number * 8)));
    history.extend([Action::Acknowledge(5), Action::Restart, Action::Append(100)]);
    history.extend((0..20).map(|number| Action::Append(60 + number)));
    history.extend([Action::Read(3), Action::Acknowledge(4), Action::Append(90)]);
    history.extend([Action::ContinueAfter(6), Action::Append(50), Action::Append(10)]);
    history.extend([Action::Restart, Action::Append(30), Action::Acknowledge(1000)]);
    history.extend([Action::Append(20), Action::Restart, Action::Append(70)]);
    history
}

/// What must work when the trouble is over.
fn afterwards() -> Vec<Action> {
    vec![
        Action::Heal,
        Action::Append(60),
        Action::Append(5),
        Action::PowerFailure,
        Action::Append(200),
        Action::Acknowledge(2),
        Action::Restart,
        Action::Append(0),
        Action::Acknowledge(1000),
    ]
}

/// Runs the history with the trouble at its first call, at its second, and so
/// on, until it has no more calls.
fn at_every_call(trouble: Trouble, seeds: u64) {
    for (seed, lasts) in (0..seeds).flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut runs = 0;
        for after in 0.. {
            let mut world = World::new(seed, SETTINGS, Some(Fault { trouble, after, lasts }));
            world.live(&history());
            if world.disk().fault().is_some_and(|fault| fault.after > 0) {
                break;
            }
            world.live(&afterwards());
            runs += 1;
        }
        assert!(runs > 200, "only {runs} calls");
    }
}

#[test]
fn a_full_disk() {
    at_every_call(Trouble::Full, 1);
}

#[test]
fn a_read_only_disk() {
    at_every_call(Trouble::ReadOnly, 1);
}

#[test]
fn input_and_output_errors() {
    at_every_call(Trouble::Broken, 3);
}

#[test]
fn short_writes() {
    at_every_call(Trouble::ShortWrites, 1);
}

#[test]
fn power_failures() {
    at_every_call(Trouble::PowerFailure, 4);
}
