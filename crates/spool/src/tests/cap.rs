//! The size cap: what goes, and who is told.

use super::*;

const CAPPED: Settings = Settings { segment_bytes: 400, max_bytes: 2000 };

fn overfilled(directory: &Path) -> (Spool, u64) {
    let spool = Spool::open(directory, CAPPED).unwrap();
    for number in 0..60_u8 {
        spool.append("flows", &[number; 100]).unwrap();
        assert!(spool.bytes() <= CAPPED.max_bytes);
    }
    let Some(Entry::Gap { first_seq: 1, last_seq, reason: GapReason::SizeCap }) =
        spool.read_after(0).unwrap()
    else {
        panic!("60 batches of 100 bytes do not fit in 2000 bytes");
    };
    (spool, last_seq)
}

#[test]
fn the_oldest_go_and_the_gap_is_told_also_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let (spool, dropped) = overfilled(directory.path());
    assert_eq!(spool.dropped(), dropped);
    let kept = entries_after(&spool, dropped);
    assert_eq!(kept.len() as u64, 60 - dropped);
    assert!(kept.iter().all(|entry| matches!(entry, Entry::Batch { .. })));
    drop(spool);
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    assert_eq!(spool.read_after(0).unwrap(), Some(gap(1, dropped, GapReason::SizeCap)));
    assert_eq!(entries_after(&spool, dropped), kept);
    spool.acknowledge(dropped).unwrap();
    assert!(!files(directory.path()).iter().any(|name| name.ends_with(".dropped")));
    drop(spool);
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    assert_eq!(entries_after(&spool, 0), kept);
}

#[test]
fn only_what_was_not_acknowledged_counts_as_lost() {
    let directory = TempDir::new().unwrap();
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    for _ in 0..4 {
        spool.append("flows", &[0; 100]).unwrap();
    }
    spool.acknowledge(1).unwrap();
    for _ in 0..40 {
        spool.append("flows", &[0; 100]).unwrap();
    }
    let Some(Entry::Gap { first_seq: 2, last_seq, .. }) = spool.read_after(0).unwrap() else {
        panic!("batch 1 is acknowledged, its segment is not");
    };
    assert_eq!(spool.dropped(), last_seq - 1);
    drop(spool);
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    assert_eq!(spool.read_after(0).unwrap(), Some(gap(2, last_seq, GapReason::SizeCap)));
}

#[test]
fn a_crash_in_the_middle_of_dropping_is_finished_on_open() {
    let directory = TempDir::new().unwrap();
    let (spool, dropped) = overfilled(directory.path());
    drop(spool);
    // As if the name had become durable and nothing after it had.
    let next = segments(directory.path())[1].clone();
    let last = segment::parse_name(&next).unwrap() - 1;
    fs::write(directory.path().join(format!("{:020}-{last:020}.dropped", 1)), b"").unwrap();
    fs::write(directory.path().join("00000000000000000099.segment.tmp"), b"half").unwrap();
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    assert!(last > dropped);
    assert_eq!(spool.read_after(0).unwrap(), Some(gap(1, last, GapReason::SizeCap)));
    assert_eq!(segments(directory.path())[0], next);
    let rest: Vec<_> = files(directory.path())
        .into_iter()
        .filter(|name| !name.ends_with("segment") && name != "id")
        .collect();
    assert_eq!(rest.len(), 1, "{rest:?}");
}

#[test]
fn one_batch_larger_than_the_cap_is_kept() {
    let directory = TempDir::new().unwrap();
    let spool = Spool::open(directory.path(), CAPPED).unwrap();
    spool.append("flows", b"small").unwrap();
    spool.append("flows", &[9; 5000]).unwrap();
    assert_eq!(batches(&spool), [(2, vec![9; 5000])]);
}
