//! Random histories with random trouble.

use proptest::prelude::*;

use super::{
    faulty_disk::{Fault, Trouble},
    world::{Action, World},
    *,
};

fn faults() -> impl Strategy<Value = Fault> {
    let trouble = prop_oneof![
        Just(Trouble::Full),
        Just(Trouble::ReadOnly),
        Just(Trouble::Broken),
        Just(Trouble::ShortWrites),
        Just(Trouble::PowerFailure),
    ];
    (trouble, 0..20_u64, any::<bool>()).prop_map(|(trouble, after, lasts)| Fault {
        trouble,
        after,
        lasts,
    })
}

fn histories() -> impl Strategy<Value = Vec<Action>> {
    let action = prop_oneof![
        12 => (0..150_usize).prop_map(Action::Append),
        1 => Just(Action::GiveUp),
        4 => (0..8_u64).prop_map(Action::Acknowledge),
        1 => (0..4_u64).prop_map(Action::ContinueAfter),
        2 => any::<u64>().prop_map(Action::Read),
        2 => Just(Action::Restart),
        1 => Just(Action::PowerFailure),
        3 => faults().prop_map(Action::Fault),
        3 => Just(Action::Heal),
    ];
    prop::collection::vec(action, 1..120)
}

fn run(seed: u64, history: &[Action], settings: Settings) {
    let mut world = World::new(seed, settings, None);
    world.live(history);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_without_a_cap(seed: u64, history in histories()) {
        run(seed, &history, Settings { segment_bytes: 300, max_bytes: 1 << 30 });
    }

    #[test]
    fn the_cap_takes_the_oldest_only_and_says_so(seed: u64, history in histories()) {
        run(seed, &history, Settings { segment_bytes: 300, max_bytes: 1600 });
    }
}
