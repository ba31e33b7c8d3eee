use std::time::Duration;

use trigpoint_record::{
    TABLES,
    tables::{FLOWS, SNAPSHOTS},
};

use super::*;
use crate::memory::Account;

fn batch(stream: &Arc<Stream>, table: &'static Table, seq: u64) -> Submission {
    let held = [Account::new(1).hold(1), Account::new(1).hold(1)];
    let stream = Arc::clone(stream);
    Submission { stream, table, seq, rows: None, received: Instant::now(), held }
}

fn failure() -> End {
    End::Failed { after: Duration::from_secs(1), detail: "disk full".to_owned() }
}

/// Whether the stream has failed, and up to where it is committed.
fn state(stream: &Arc<Stream>) -> (bool, u64) {
    (stream.has_failed(), stream.state().borrow().committed)
}

#[test]
fn a_reconnected_spool_is_one_group_of_each_table() {
    let (older, newer) = (Stream::new("a/1".into(), 1), Stream::new("a/1".into(), 1));
    let mut pending = Pending::default();
    for (stream, seq) in [(&older, 1), (&older, 2), (&newer, 1), (&newer, 2), (&newer, 3)] {
        pending.push(batch(stream, &SNAPSHOTS, seq));
    }
    let groups = pending.take(&SNAPSHOTS);
    let markers: Vec<_> = groups.iter().map(|group| (&*group.app_id, group.last_seq)).collect();
    assert_eq!(markers, [("a/1", 3)]);
    assert_eq!(pending.settle(None), 0);
    assert_eq!((state(&older), state(&newer)), ((false, 2), (false, 3)));
}

#[test]
fn a_failed_table_ends_the_streams_that_have_rows_in_it_or_behind_it() {
    let streams = ["a/done", "a/failed", "a/behind"].map(|id| Stream::new(id.into(), 1));
    let mut pending = Pending::default();
    pending.push(batch(&streams[0], &SNAPSHOTS, 1));
    pending.push(batch(&streams[1], &SNAPSHOTS, 1));
    pending.push(batch(&streams[1], &FLOWS, 2));
    pending.push(batch(&streams[2], TABLES.last().unwrap(), 1));
    assert_eq!(pending.take(&SNAPSHOTS).len(), 2);
    assert_eq!(pending.take(&FLOWS).len(), 1);
    pending.fail(&["a/failed".to_owned()]);
    assert_eq!(pending.settle(Some(&failure())), 2);
    assert_eq!(streams.each_ref().map(state), [(false, 1), (true, 0), (true, 0)]);
}

#[test]
fn only_a_station_of_which_something_waits_makes_a_commit_due_by_its_end() {
    let (waiting, done) = (Stream::new("a/1".into(), 1), Stream::new("a/2".into(), 1));
    let older = Stream::new("a/1".into(), 1);
    let mut pending = Pending::default();
    pending.push(batch(&waiting, &SNAPSHOTS, 1));
    pending.finish(&done);
    pending.finish(&older);
    assert!(!pending.waiting.finished);
    pending.finish(&waiting);
    assert!(pending.waiting.finished);
}

/// The marker would pass over the batches that were not committed.
#[test]
fn nothing_behind_a_failure_is_taken() {
    let stream = Stream::new("a/1".into(), 1);
    stream.end(failure());
    let mut pending = Pending::default();
    pending.push(batch(&stream, &SNAPSHOTS, 7));
    assert!(pending.is_empty());
    assert!(pending.take(&SNAPSHOTS).is_empty());
    // Also when a newer stream of the spool closes it.
    stream.end(End::Replaced);
    pending.push(batch(&stream, &SNAPSHOTS, 8));
    assert!(pending.is_empty());
}
