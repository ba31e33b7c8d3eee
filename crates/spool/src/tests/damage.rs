//! Truncation and flipped bytes, at every place.

use super::*;

/// Two segments with three batches each; one payload looks like a record.
fn filled(directory: &Path) -> Vec<(u64, Vec<u8>)> {
    let spool = open(directory);
    let mut looks_like_a_record = record::MAGIC.to_vec();
    looks_like_a_record.extend([0; 30]);
    for payload in
        [&b"first"[..], &looks_like_a_record, &[3; 9], &[], &[0; 40], b"the last batch of all"]
    {
        spool.append("snapshots", payload).unwrap();
    }
    batches(&spool)
}

fn copy(from: &Path) -> TempDir {
    let to = TempDir::new().unwrap();
    for name in files(from) {
        fs::copy(from.join(&name), to.path().join(&name)).unwrap();
    }
    to
}

/// Every record's segment, number, first byte and end.
fn places(directory: &Path, id: &str) -> Vec<(String, u64, u64, u64)> {
    let mut places = Vec::new();
    for name in segments(directory) {
        let file = fs::File::open(directory.join(&name)).unwrap();
        let len = file.metadata().unwrap().len();
        let mut offset = segment::HEADER_LEN;
        let checksum = record::Checksum::of_spool(id);
        while let Some(found) = segment::next_record(&file, checksum, offset, len).unwrap() {
            offset = found.end;
            places.push((name.clone(), found.seq, found.start, found.end));
        }
    }
    places
}

/// Reads everything; every number must be a batch or in a gap, in order.
fn complete(spool: &Spool) -> Vec<(u64, Vec<u8>)> {
    let mut next = spool.acknowledged() + 1;
    for entry in entries_after(spool, 0) {
        let first = match &entry {
            Entry::Batch { seq, .. } => *seq,
            Entry::Gap { first_seq, .. } => *first_seq,
        };
        assert_eq!(first, next, "{entry:?}");
        next = entry.last_seq() + 1;
    }
    assert_eq!(next, spool.last_seq() + 1);
    batches(spool)
}

/// The damaged spool opens, gives exactly `expected`, goes on with a number
/// above `highest`, and is the same after another restart.
fn survives(directory: &Path, expected: &[(u64, Vec<u8>)], highest: u64, what: &str) {
    let spool = open(directory);
    assert_eq!(complete(&spool), expected, "{what}");
    let seq = spool.append("flows", b"after").unwrap();
    assert!(seq > highest, "{what}: {seq} was given before");
    let mut longer = expected.to_vec();
    longer.push((seq, b"after".to_vec()));
    assert_eq!(complete(&spool), longer, "{what}");
    drop(spool);
    let spool = open(directory);
    assert_eq!(complete(&spool), longer, "{what}, restarted");
    assert_eq!(spool.append("flows", b"again").unwrap(), seq + 1, "{what}");
}

#[test]
fn a_file_cut_at_any_byte_loses_only_what_was_cut() {
    let directory = TempDir::new().unwrap();
    let all = filled(directory.path());
    let places = places(directory.path(), open(directory.path()).id());
    assert_eq!(places.len(), all.len());
    for name in segments(directory.path()) {
        let bytes = fs::read(directory.path().join(&name)).unwrap();
        for cut in 0..bytes.len() {
            for zero_filled in [false, true] {
                let damaged = copy(directory.path());
                let mut rest = bytes[..cut].to_vec();
                if zero_filled {
                    rest.resize(bytes.len(), 0);
                }
                fs::write(damaged.path().join(&name), &rest).unwrap();
                let whole = |seq: u64| {
                    let place = places.iter().find(|place| place.1 == seq).unwrap();
                    place.0 != name
                        || bytes[..place.3 as usize] == rest[..rest.len().min(place.3 as usize)]
                };
                let expected: Vec<_> = all.iter().filter(|(seq, _)| whole(*seq)).cloned().collect();
                // Whether the numbers of records that vanished without a trace
                // were given, only the collector can tell (continue_after).
                let highest = expected.last().map_or(0, |(seq, _)| *seq);
                survives(
                    damaged.path(),
                    &expected,
                    highest,
                    &format!("{name} cut at {cut}, {zero_filled}"),
                );
            }
        }
    }
}

/// With the bounds of a real station: all records in one segment.
#[test]
fn after_truncation_at_every_byte_of_its_last_two_records_it_loses_nothing_before_them() {
    let directory = TempDir::new().unwrap();
    let spool = Spool::open(directory.path(), Settings::default()).unwrap();
    for number in 0..40_usize {
        spool.append("snapshots", &vec![number as u8; 37 * number % 500]).unwrap();
    }
    let (id, all) = (spool.id().to_owned(), batches(&spool));
    drop(spool);
    let places = places(directory.path(), &id);
    let (segment, bytes) = (&places[0].0, fs::read(directory.path().join(&places[0].0)).unwrap());
    let last_two = &places[38..];
    assert_eq!(last_two[1].3, bytes.len() as u64);
    for cut in last_two[0].2 as usize..=bytes.len() {
        let damaged = copy(directory.path());
        fs::write(damaged.path().join(segment), &bytes[..cut]).unwrap();
        let whole = last_two.iter().filter(|place| place.3 as usize <= cut).count();
        let expected = &all[..38 + whole];
        survives(damaged.path(), expected, expected.len() as u64, &format!("cut at {cut}"));
    }
}

#[test]
fn a_flipped_byte_loses_only_the_record_that_it_is_in() {
    let directory = TempDir::new().unwrap();
    let all = filled(directory.path());
    let id = open(directory.path()).id().to_owned();
    let places = places(directory.path(), &id);
    for name in files(directory.path()) {
        let bytes = fs::read(directory.path().join(&name)).unwrap();
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let damaged = copy(directory.path());
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                fs::write(damaged.path().join(&name), &flipped).unwrap();
                let hit = places
                    .iter()
                    .find(|place| place.0 == name && (place.2..place.3).contains(&(at as u64)))
                    .map(|place| place.1);
                let expected: Vec<_> =
                    all.iter().filter(|(seq, _)| Some(*seq) != hit).cloned().collect();
                survives(
                    damaged.path(),
                    &expected,
                    6,
                    &format!("{name} flipped at {at} by {mask:#x}"),
                );
                assert_eq!(open(damaged.path()).id(), id);
            }
        }
    }
}

#[test]
fn a_damaged_segment_is_never_written_to_again() {
    for tail in [&[0; 100][..], b"torn", &record::MAGIC] {
        let directory = TempDir::new().unwrap();
        filled(directory.path());
        let newest = directory.path().join(segments(directory.path()).pop().unwrap());
        let mut bytes = fs::read(&newest).unwrap();
        bytes.extend(tail);
        fs::write(&newest, &bytes).unwrap();
        let spool = Spool::open(directory.path(), Settings::default()).unwrap();
        spool.append("flows", b"after").unwrap();
        assert_eq!(fs::read(&newest).unwrap(), bytes);
    }
}

#[test]
fn zeros_behind_the_last_record_cost_no_number() {
    let directory = TempDir::new().unwrap();
    let all = filled(directory.path());
    let newest = directory.path().join(segments(directory.path()).pop().unwrap());
    let mut bytes = fs::read(&newest).unwrap();
    bytes.resize(bytes.len() + 5000, 0);
    fs::write(&newest, bytes).unwrap();
    let spool = open(directory.path());
    assert_eq!(complete(&spool), all);
    assert_eq!(spool.append("flows", b"").unwrap(), 7);
}

#[test]
fn a_segment_of_another_spool_is_not_ours() {
    let (ours, theirs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    filled(theirs.path());
    let spool = open(ours.path());
    spool.append("flows", b"ours").unwrap();
    drop(spool);
    let foreign = segments(theirs.path()).pop().unwrap();
    fs::copy(theirs.path().join(&foreign), ours.path().join(&foreign)).unwrap();
    let spool = open(ours.path());
    assert_eq!(complete(&spool), [(1, b"ours".to_vec())]);
    spool.append("flows", b"more").unwrap();
    assert_eq!(complete(&spool).len(), 2);
}

#[test]
fn a_lost_id_comes_back_from_the_segments() {
    let directory = TempDir::new().unwrap();
    let all = filled(directory.path());
    let id = open(directory.path()).id().to_owned();
    fs::remove_file(directory.path().join("id")).unwrap();
    let spool = open(directory.path());
    assert_eq!(spool.id(), id);
    assert_eq!(complete(&spool), all);
}

#[test]
fn a_segment_that_vanished_is_a_gap() {
    let directory = TempDir::new().unwrap();
    let spool = open(directory.path());
    for _ in 0..12 {
        spool.append("flows", &[1; 60]).unwrap();
    }
    drop(spool);
    let names = segments(directory.path());
    let first = segment::parse_name(&names[1]).unwrap();
    let next = segment::parse_name(&names[2]).unwrap();
    fs::remove_file(directory.path().join(&names[1])).unwrap();
    let spool = open(directory.path());
    assert_eq!(
        spool.read_after(first - 1).unwrap(),
        Some(gap(first, next - 1, GapReason::Damaged))
    );
    complete(&spool);
}
