use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

mod cap;
mod damage;
mod faults;
mod faulty_disk;
mod model;
mod regressions;
mod world;

const SMALL: Settings = Settings { segment_bytes: 200, max_bytes: 1 << 20 };

fn open(directory: &Path) -> Spool {
    Spool::open(directory, SMALL).unwrap()
}

/// Every entry from `seq` on, in the order of reading.
fn entries_after(spool: &Spool, mut seq: u64) -> Vec<Entry> {
    let mut entries = Vec::new();
    while let Some(entry) = spool.read_after(seq).unwrap() {
        seq = entry.last_seq();
        entries.push(entry);
    }
    entries
}

/// The batches only, as (sequence number, payload).
fn batches(spool: &Spool) -> Vec<(u64, Vec<u8>)> {
    let batch = |entry| match entry {
        Entry::Batch { seq, payload, .. } => Some((seq, payload)),
        Entry::Gap { .. } => None,
    };
    entries_after(spool, 0).into_iter().filter_map(batch).collect()
}

fn gap(first_seq: u64, last_seq: u64, reason: GapReason) -> Entry {
    Entry::Gap { first_seq, last_seq, reason }
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn segments(directory: &Path) -> Vec<String> {
    files(directory).into_iter().filter(|name| segment::parse_name(name).is_some()).collect()
}

#[test]
fn batches_come_back_in_order_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let id = {
        let spool = open(directory.path());
        for number in 1..=20_u8 {
            assert_eq!(spool.append("flows", &[number; 40]).unwrap(), u64::from(number));
        }
        spool.id().to_owned()
    };
    let spool = open(directory.path());
    assert_eq!(spool.id(), id);
    assert_eq!(spool.last_seq(), 20);
    let expected: Vec<_> = (1..=20).map(|number| (number, vec![number as u8; 40])).collect();
    assert_eq!(batches(&spool), expected);
    assert_eq!(
        spool.read_after(7).unwrap(),
        Some(Entry::Batch { seq: 8, table: "flows".into(), payload: vec![8; 40] })
    );
    assert!(segments(directory.path()).len() > 5, "segments of 200 bytes");
}

#[test]
fn reading_back_and_forth_finds_the_same() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    for number in 1..=30_u8 {
        spool.append("flows", &[number; 10]).unwrap();
    }
    for seq in (0..30).chain((0..30).rev()).chain([29, 0, 15, 3]) {
        assert!(
            matches!(spool.read_after(seq).unwrap(), Some(Entry::Batch { seq: found, .. }) if found == seq + 1)
        );
    }
    assert_eq!(spool.read_after(30).unwrap(), None);
}

#[test]
fn acknowledged_segments_go_and_numbers_are_never_used_again() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    for number in 1..=20_u8 {
        spool.append("flows", &[number; 40]).unwrap();
    }
    let before = spool.bytes();
    spool.acknowledge(9).unwrap();
    assert_eq!(spool.acknowledged(), 9);
    assert!(spool.bytes() < before);
    assert_eq!(spool.read_after(0).unwrap().unwrap().last_seq(), 10);
    spool.acknowledge(u64::MAX).unwrap();
    assert_eq!(segments(directory.path()).len(), 1);
    assert_eq!(entries_after(&spool, 0), []);
    drop(spool);
    let spool = open(directory.path());
    assert_eq!(spool.append("flows", b"next").unwrap(), 21);
    spool.acknowledge(u64::MAX).unwrap();
    assert_eq!(spool.append("flows", b"unsent").unwrap(), 22);
    assert_eq!(batches(&spool), [(22, b"unsent".to_vec())]);
}

#[test]
fn an_older_acknowledgement_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    for _ in 0..10 {
        spool.append("flows", &[0; 40]).unwrap();
    }
    spool.acknowledge(8).unwrap();
    spool.acknowledge(2).unwrap();
    assert_eq!(spool.acknowledged(), 8);
    assert_eq!(spool.read_after(0).unwrap().unwrap().last_seq(), 9);
}

#[test]
fn a_spool_has_one_owner() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    let second = Spool::open(directory.path(), SMALL);
    assert!(matches!(second, Err(Error::Locked { .. })));
    let clone = spool.clone();
    drop(spool);
    assert!(Spool::open(directory.path(), SMALL).is_err(), "a clone still has it");
    drop(clone);
    open(directory.path());
}

#[test]
fn a_waiting_reader_learns_of_an_append() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    let mut appended = spool.appended();
    assert!(!appended.has_changed().unwrap());
    spool.append("flows", b"batch").unwrap();
    assert!(appended.has_changed().unwrap());
    assert_eq!(*appended.borrow_and_update(), 1);
}

#[test]
fn what_no_message_could_carry_is_refused() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    let too_large = spool.append("flows", &vec![0; MAX_PAYLOAD_BYTES + 1]);
    assert!(matches!(too_large, Err(Error::PayloadTooLarge { .. })));
    let too_long = spool.append(&"t".repeat(256), b"");
    assert!(matches!(too_long, Err(Error::TableNameTooLong { .. })));
    assert_eq!(spool.append("flows", &vec![7; MAX_PAYLOAD_BYTES]).unwrap(), 1);
    assert_eq!(batches(&spool), [(1, vec![7; MAX_PAYLOAD_BYTES])]);
}

#[test]
fn a_collector_that_knows_more_moves_the_numbers_on() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    spool.append("flows", b"one").unwrap();
    spool.continue_after(1).unwrap();
    assert_eq!(spool.last_seq(), 1);
    spool.continue_after(10).unwrap();
    drop(spool);
    let spool = open(directory.path());
    assert_eq!(spool.append("flows", b"eleven").unwrap(), 11);
    assert_eq!(spool.read_after(1).unwrap(), Some(gap(2, 10, GapReason::Damaged)));
    assert!(matches!(spool.continue_after(u64::MAX), Err(Error::SequenceOutOfRange { .. })));
}

#[test]
fn a_directory_that_cannot_be_written_to_is_refused_at_once() {
    // Not even root makes files there.
    let Err(error) = Spool::open("/proc/self", SMALL) else { panic!("a spool in /proc") };
    assert!(error.to_string().starts_with("cannot "), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let Err(error) = Spool::open(file.path(), SMALL) else { panic!("a spool in a file") };
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
}

#[test]
fn directories_above_it_are_made_too() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("station/of/lab01/spool");
    assert_eq!(open(&path).append("flows", b"one").unwrap(), 1);
    assert_eq!(batches(&open(&path)), [(1, b"one".to_vec())]);
}

#[test]
fn the_age_is_that_of_the_oldest_batch_that_waits() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    assert_eq!(spool.age(), None);
    spool.append("flows", b"one").unwrap();
    let first = spool.age().unwrap();
    spool.append("flows", b"two").unwrap();
    assert!(spool.age().unwrap() >= first);
    drop(spool);
    let spool = open(directory.path());
    assert!(spool.age().is_some(), "it waits since before the restart");
    spool.acknowledge(2).unwrap();
    assert_eq!(spool.age(), None);
}
