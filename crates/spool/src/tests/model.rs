//! Random histories against a list of what was appended.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Acknowledge(u64),
    Reopen,
    FailAppend,
    /// A crash that leaves some bytes of an unfinished append.
    Tear(Vec<u8>),
    Read(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..150_usize).prop_map(Step::Append),
        2 => (0..8_u64).prop_map(Step::Acknowledge),
        1 => Just(Step::Reopen),
        1 => Just(Step::FailAppend),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Tear),
        2 => any::<u64>().prop_map(Step::Read),
    ];
    prop::collection::vec(step, 1..80)
}

struct Model {
    appended: Vec<(u64, Vec<u8>)>,
    acknowledged: u64,
    highest: u64,
}

impl Model {
    /// Everything that reading must hold to, whatever happened.
    fn check(&self, spool: &Spool, capped: bool) {
        assert!(spool.acknowledged() <= self.acknowledged);
        assert!(spool.last_seq() >= self.highest);
        let mut next = spool.acknowledged() + 1;
        for entry in entries_after(spool, 0) {
            let (first, last) = match &entry {
                Entry::Batch { seq, payload, table } => {
                    assert_eq!(table, "flows");
                    let appended = self.appended.iter().find(|batch| batch.0 == *seq);
                    assert_eq!(appended.map(|batch| &batch.1), Some(payload), "batch {seq}");
                    (*seq, *seq)
                }
                Entry::Gap { first_seq, last_seq, reason } => {
                    let lost = |batch: &&(u64, Vec<u8>)| {
                        (*first_seq..=*last_seq).contains(&batch.0) && batch.0 > self.acknowledged
                    };
                    let lost = self.appended.iter().find(lost);
                    assert!(
                        lost.is_none() || (capped && *reason == GapReason::SizeCap),
                        "{entry:?} has {lost:?}, whose append returned"
                    );
                    (*first_seq, *last_seq)
                }
            };
            assert_eq!(first, next, "{entry:?}");
            next = last + 1;
        }
        assert_eq!(next, spool.last_seq() + 1);
    }
}

fn run(steps: Vec<Step>, settings: Settings, capped: bool) {
    let directory = TempDir::new().unwrap();
    let mut spool = Spool::open(directory.path(), settings).unwrap();
    let mut model = Model { appended: Vec::new(), acknowledged: 0, highest: 0 };
    for step in steps {
        let just_appended = matches!(step, Step::Append(_));
        match step {
            Step::Append(len) => {
                let payload = vec![len as u8; len];
                let seq = spool.append("flows", &payload).unwrap();
                assert!(seq > model.highest, "{seq} was given before");
                model.highest = seq;
                model.appended.push((seq, payload));
            }
            Step::Acknowledge(count) => {
                let seq = (spool.acknowledged() + count).min(spool.last_seq());
                spool.acknowledge(seq).unwrap();
                model.acknowledged = model.acknowledged.max(seq);
            }
            Step::FailAppend => {
                spool.log().fail_next_append();
                // One that starts a new segment is not hit.
                if let Ok(seq) = spool.append("flows", b"lucky") {
                    model.highest = seq;
                    model.appended.push((seq, b"lucky".to_vec()));
                }
            }
            Step::Reopen | Step::Tear(_) => {
                drop(spool);
                if let (Step::Tear(bytes), Some(name)) = (step, segments(directory.path()).pop()) {
                    let path = directory.path().join(name);
                    let mut contents = fs::read(&path).unwrap();
                    contents.extend(bytes);
                    fs::write(&path, contents).unwrap();
                }
                spool = Spool::open(directory.path(), settings).unwrap();
            }
            Step::Read(seq) => {
                let seq = seq % (spool.last_seq() + 2);
                let entry = spool.read_after(seq).unwrap();
                let expected = seq.max(spool.acknowledged()) < spool.last_seq();
                assert_eq!(entry.is_some(), expected);
            }
        }
        model.check(&spool, capped);
        // What a crash left behind an open segment counts from the next append.
        if just_appended {
            assert!(spool.bytes() <= settings.max_bytes);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_without_a_cap(steps in steps()) {
        run(steps, Settings { segment_bytes: 300, max_bytes: 1 << 30 }, false);
    }

    #[test]
    fn the_cap_takes_the_oldest_only_and_says_so(steps in steps()) {
        run(steps, Settings { segment_bytes: 300, max_bytes: 1600 }, true);
    }
}
