//! Bugs that were found, one test each: the shortest history that shows it,
//! with the trouble at every call of one of its actions.

use super::{
    faulty_disk::{Fault, Trouble},
    world::{
        Action::{self, Acknowledge, Append, ContinueAfter, GiveUp, Heal, PowerFailure, Restart},
        World,
    },
    *,
};

/// Segments of one or two batches of 100 bytes.
const SETTINGS: Settings = Settings { segment_bytes: 300, max_bytes: 1 << 20 };

fn at_each_call_of(
    action: &Action,
    trouble: Trouble,
    lasts: bool,
    before: &[Action],
    afterwards: &[Action],
    settings: Settings,
) {
    for (seed, after) in (0..32).flat_map(|seed| (0..20).map(move |after| (seed, after))) {
        let mut world = World::new(seed, settings, None);
        world.live(before);
        world.live(&[Action::Fault(Fault { trouble, after, lasts }), action.clone(), Heal]);
        world.live(afterwards);
    }
}

#[test]
fn a_smaller_batch_after_a_new_segment_that_failed_is_not_lost() {
    // The new segment's name was there, and the batch went to the old segment.
    let before = [Append(150)];
    let afterwards = [GiveUp, Append(0), Restart, Append(0), PowerFailure];
    for trouble in [Trouble::Full, Trouble::Broken] {
        at_each_call_of(&Append(150), trouble, false, &before, &afterwards, SETTINGS);
    }
}

#[test]
fn a_batch_whose_append_failed_is_not_there_twice_after_a_power_failure() {
    // It could not be cut off, was appended again under the next number, and
    // both were on the disk.
    let afterwards = [Append(0), Append(0), PowerFailure];
    at_each_call_of(&Append(20), Trouble::Broken, true, &[Append(20)], &afterwards, SETTINGS);
}

#[test]
fn a_batch_whose_append_failed_stays_void_when_the_numbers_move_on() {
    let afterwards = [ContinueAfter(3), Append(0), PowerFailure, Append(0)];
    for lasts in [false, true] {
        at_each_call_of(&Append(20), Trouble::Broken, lasts, &[Append(20)], &afterwards, SETTINGS);
    }
}

#[test]
fn a_segment_whose_name_is_not_durable_is_made_so_before_it_is_used() {
    // A process was killed between the two.
    let afterwards = [Restart, Append(0), PowerFailure];
    at_each_call_of(&Append(20), Trouble::Broken, true, &[], &afterwards, SETTINGS);
}

#[test]
fn what_was_read_after_a_kill_is_there_after_a_power_failure() {
    // The batch was in the page cache only, and its number was given again.
    let afterwards = [Restart, PowerFailure, Append(30), Append(40)];
    at_each_call_of(&Append(20), Trouble::Broken, true, &[Append(20)], &afterwards, SETTINGS);
}

#[test]
fn numbers_that_could_not_be_moved_on_hide_no_batch() {
    // The segment behind the gap was there, and older ones grew beyond it.
    let afterwards = [Append(0), Append(0), Append(0), Append(0), Restart, Append(0)];
    for trouble in [Trouble::Full, Trouble::Broken] {
        at_each_call_of(&ContinueAfter(2), trouble, false, &[Append(0)], &afterwards, SETTINGS);
    }
}

#[test]
fn an_empty_segment_that_could_not_be_made_again_still_remembers_the_number() {
    let mut world = World::new(0, SETTINGS, None);
    world.live(&[ContinueAfter(3)]);
    let fault = Fault { trouble: Trouble::Full, after: 0, lasts: true };
    world.live(&[Action::Fault(fault), Append(9), Append(9), Append(9), Restart]);
}

#[test]
fn a_drop_that_could_not_be_announced_is_not_told_later() {
    // Its mark was there, and what it named was acknowledged meanwhile.
    let capped = Settings { segment_bytes: 300, max_bytes: 1200 };
    let before: Vec<_> = (0..8).map(|_| Append(100)).collect();
    let afterwards = [Acknowledge(6), Append(0), Restart, Append(100), Append(100)];
    at_each_call_of(&Append(100), Trouble::Full, false, &before, &afterwards, capped);
}

#[test]
fn a_segment_that_is_taken_away_while_the_spool_is_open_is_a_gap() {
    // Reading looked for it for ever.
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    for _ in 0..12 {
        spool.append("flows", &[1; 60]).unwrap();
    }
    let names = segments(directory.path());
    let (first, next) = (segment::parse_name(&names[1]), segment::parse_name(&names[2]));
    fs::remove_file(directory.path().join(&names[1])).unwrap();
    let lost = gap(first.unwrap(), next.unwrap() - 1, GapReason::Damaged);
    assert_eq!(spool.read_after(first.unwrap() - 1).unwrap(), Some(lost));
    assert_eq!(batches(&spool).len(), 12 - (next.unwrap() - first.unwrap()) as usize);
}
