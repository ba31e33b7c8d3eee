use std::collections::BTreeMap;

use trigpoint_record::Value;

use super::*;
use crate::testing::{
    CHANGED, EARLIER, Fault, Faulty, READINGS, TABLES, csv, group, lake, reading, rows,
};

fn marked(app_id: &str, last_seq: u64, rows: Vec<Rows>) -> Group {
    Group { app_id: app_id.to_owned(), last_seq, rows }
}

async fn count(lake: &Lake) -> String {
    csv(lake, "SELECT count(*) FROM readings").await.concat()
}

#[tokio::test]
async fn a_batch_that_comes_again_is_stored_once() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let first = lake.append(&READINGS, vec![group("a", 1, "flow")]).await.unwrap();
    assert_eq!((first.rows, first.duplicates, first.files), (1, 0, 1));

    let again = lake.append(&READINGS, vec![group("a", 1, "flow")]).await.unwrap();
    assert_eq!((again.version, again.rows, again.duplicates), (None, 0, 1));
    assert_eq!(count(&lake).await, "1");
}

#[tokio::test]
async fn of_a_group_only_the_batches_above_the_marker_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    lake.append(&READINGS, vec![group("a", 2, "flow")]).await.unwrap();
    let batches = (1..=4).map(|n| rows(&READINGS, n, vec![reading("flow", n as i64, 0)])).collect();
    let outcome = lake.append(&READINGS, vec![marked("a", 4, batches)]).await.unwrap();
    assert_eq!((outcome.rows, outcome.duplicates), (2, 2));
    assert_eq!(csv(&lake, "SELECT n FROM readings ORDER BY n").await, ["2", "3", "4"]);
}

#[tokio::test]
async fn markers_are_kept_per_stream_and_table_and_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let before = lake(&directory);
    before.append(&READINGS, vec![group("a", 7, "f"), group("b", 3, "g")]).await.unwrap();
    drop(before);

    let lake = lake(&directory);
    let readings = |seq| BTreeMap::from([("readings".to_owned(), seq)]);
    assert_eq!(lake.committed("a").await.unwrap(), readings(7));
    assert_eq!(lake.committed("b").await.unwrap(), readings(3));
    assert_eq!(lake.committed("c").await.unwrap(), BTreeMap::new());
    let again = lake.append(&READINGS, vec![group("a", 7, "f"), group("b", 4, "g")]).await.unwrap();
    assert_eq!((again.rows, again.duplicates), (1, 1));
    assert_eq!(count(&lake).await, "3");
}

#[tokio::test]
async fn a_marker_is_committed_without_rows() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let outcome = lake.append(&READINGS, vec![marked("a", 5, Vec::new())]).await.unwrap();
    assert_eq!((outcome.rows, outcome.files), (0, 0));
    assert!(outcome.version.is_some());
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 5);
}

/// Both handles hold a snapshot from before the other's commits.
#[tokio::test]
async fn two_collectors_race_on_the_same_stream_and_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let (left, right) = (lake(&directory), lake(&directory));
    left.append(&READINGS, vec![group("warm-left", 1, "f")]).await.unwrap();
    right.append(&READINGS, vec![group("warm-right", 1, "f")]).await.unwrap();

    left.append(&READINGS, vec![group("a", 1, "raced")]).await.unwrap();
    let groups = vec![group("a", 1, "raced"), group("b", 1, "other")];
    let outcome = right.append(&READINGS, groups).await.unwrap();
    assert_eq!((outcome.rows, outcome.duplicates), (1, 1));
    let stored = csv(&left, "SELECT flow_id FROM readings WHERE flow_id <> 'f' ORDER BY 1").await;
    assert_eq!(stored, ["other", "raced"]);
}

/// A collector remembers markers until somebody else may have moved them: here
/// between two of its commits, the second of which is of another stream and so
/// meets no conflict.
#[tokio::test]
async fn a_marker_that_a_rival_moved_is_not_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let (left, right) = (lake(&directory), lake(&directory));
    left.append(&READINGS, vec![group("a", 1, "first")]).await.unwrap();
    right.append(&READINGS, vec![group("a", 2, "second")]).await.unwrap();
    left.append(&READINGS, vec![group("b", 1, "other")]).await.unwrap();
    let again = left.append(&READINGS, vec![group("a", 2, "second")]).await.unwrap();
    assert_eq!((again.rows, again.duplicates), (0, 1));
    assert_eq!(count(&left).await, "3");
}

#[tokio::test]
async fn many_collectors_at_once_lose_nothing_and_double_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // Nobody has made the table yet: they race on that, too.
    let tasks = (0..4).map(|collector| {
        let lake = lake(&directory);
        async move {
            for seq in 1..=5 {
                let own = format!("own-{collector}");
                let groups = vec![group(&own, seq, &own), group("shared", seq, "shared")];
                // A refused append is the station's to send again.
                while let Err(error) = lake.append(&READINGS, groups.clone()).await {
                    assert!(matches!(error, Error::Contended { .. }), "{error}");
                }
            }
        }
    });
    futures::future::join_all(tasks.map(tokio::spawn)).await.into_iter().for_each(Result::unwrap);
    let lake = lake(&directory);
    let stored =
        csv(&lake, "SELECT flow_id, count(*), sum(n) FROM readings GROUP BY 1 ORDER BY 1").await;
    assert_eq!(stored, ["own-0,5,15", "own-1,5,15", "own-2,5,15", "own-3,5,15", "shared,5,15"]);
}

#[tokio::test]
async fn the_log_is_checkpointed_and_the_tables_protocol_stays_old() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    for seq in 1..=50 {
        lake.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
    }
    let log = directory.path().join("lake/readings/_delta_log");
    let checkpoint = log.join("00000000000000000049.checkpoint.parquet");
    assert!(checkpoint.exists(), "no checkpoint after 50 commits");

    let first = std::fs::read_to_string(log.join("00000000000000000000.json")).unwrap();
    assert!(first.contains(r#""minReaderVersion":1,"minWriterVersion":2"#), "{first}");
    assert_eq!(count(&lake).await, "50");
}

#[tokio::test]
async fn rows_from_before_a_column_existed_read_as_null() {
    let directory = tempfile::tempdir().unwrap();
    let location = directory.path().join("lake").to_string_lossy().into_owned();
    let earlier = Lake::open_tables(&location, &[&EARLIER]).unwrap();
    let node = Value::Struct(vec![Value::Text("192.0.2.9".to_owned())]);
    let mut old_row = reading("old", 1, 0)[..4].to_vec();
    old_row.push(Value::List(vec![node]));
    earlier
        .append(&EARLIER, vec![marked("a", 1, vec![rows(&EARLIER, 1, vec![old_row.clone()])])])
        .await
        .unwrap();

    let lake = Lake::open_tables(&location, TABLES).unwrap();
    lake.append(&READINGS, vec![group("a", 2, "new")]).await.unwrap();
    let sql = "SELECT flow_id, min_rtt_us, station['site'], nodes[1]['address'], \
               nodes[1]['rtt_us'] FROM readings ORDER BY n";
    assert_eq!(csv(&lake, sql).await, ["old,,,192.0.2.9,", "new,10002,abc01,192.0.2.1,5"]);

    // The older version goes on writing beside the newer one.
    earlier
        .append(&EARLIER, vec![marked("a", 3, vec![rows(&EARLIER, 3, vec![old_row])])])
        .await
        .unwrap();
    assert_eq!(csv(&lake, "SELECT count(*), count(min_rtt_us) FROM readings").await, ["3,1"]);
}

#[tokio::test]
async fn a_stored_column_never_changes_its_type() {
    let directory = tempfile::tempdir().unwrap();
    let location = directory.path().join("lake").to_string_lossy().into_owned();
    lake(&directory).append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    let changed = Lake::open_tables(&location, &[&CHANGED]).unwrap();
    let error = changed.append(&CHANGED, vec![marked("a", 2, Vec::new())]).await.unwrap_err();
    assert!(
        error.to_string().starts_with("column `n` of table readings is stored as long"),
        "{error}"
    );
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_and_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    store.inject(&[Fault::AnswerLost("00000000000000000002.json")]);
    let outcome =
        lake.append(&READINGS, vec![group("a", 2, "f"), group("b", 1, "g")]).await.unwrap();
    assert_eq!((store.left(), outcome.rows, outcome.version), (0, 2, Some(2)));
    assert_eq!(count(&lake).await, "3");
}

#[tokio::test]
async fn a_refused_commit_is_repeated_with_the_same_files() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    store.inject(&[Fault::Refused("00000000000000000002.json")]);
    let outcome = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap();
    assert_eq!((store.left(), outcome.rows, outcome.retries), (0, 1, 1));
    assert_eq!(count(&lake).await, "2");
    let files = std::fs::read_dir(directory.path().join("lake/readings/date=2026-11-24")).unwrap();
    assert_eq!(files.count(), 2, "the file was written again");
}

#[tokio::test]
async fn a_checkpoint_that_fails_does_not_undo_its_commit() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    store.inject(&[Fault::Refused("checkpoint.parquet")]);
    for seq in 1..=49 {
        let outcome = lake.append(&READINGS, vec![group("a", seq, "f")]).await.unwrap();
        assert_eq!(outcome.rows, 1);
    }
    assert_eq!((store.left(), count(&lake).await.as_str()), (0, "49"));
}

#[tokio::test]
async fn what_could_not_be_stored_is_said_and_can_be_appended_again() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    store.inject(&[Fault::Refused(".parquet")]);
    let error = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap_err();
    assert!(matches!(error, Error::Object { .. }), "{error}");
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 1);

    store.inject(&[Fault::Refused("00000000000000000002.json"); ATTEMPTS as usize]);
    let error = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap_err();
    assert!(matches!(error, Error::Delta { .. }), "{error}");
    let outcome = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap();
    assert_eq!((outcome.rows, count(&lake).await.as_str()), (1, "2"));
}

#[tokio::test]
async fn a_table_whose_creation_lost_its_answer_is_used() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    store.inject(&[Fault::AnswerLost("00000000000000000000.json")]);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    assert_eq!((store.left(), count(&lake).await.as_str()), (0, "1"));
}

#[tokio::test]
async fn two_groups_of_one_stream_are_one() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let groups = vec![group("a", 1, "f"), group("b", 1, "g"), group("a", 2, "f")];
    assert_eq!(lake.append(&READINGS, groups.clone()).await.unwrap().rows, 3);
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 2);
    assert_eq!(lake.append(&READINGS, groups).await.unwrap().duplicates, 3);
}

/// Its marker then stands beyond ours, which says the same: all of it is stored.
#[tokio::test]
async fn a_rival_that_overtakes_the_last_attempt_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    let entry = "00000000000000000002.json";
    store.inject(&[Fault::Refused(entry); ATTEMPTS as usize - 1]);
    store.inject(&[Fault::Overtaken(entry)]);
    let outcome = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap();
    assert_eq!((store.left(), outcome.version, outcome.duplicates), (0, None, 1));
    assert_eq!(lake.committed("a").await.unwrap()["readings"], 9);
    assert_eq!(count(&lake).await, "2");
}

#[tokio::test]
async fn a_commit_that_its_client_put_twice_is_found_and_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    store.inject(&[Fault::PutTwice("00000000000000000002.json")]);
    let outcome = lake.append(&READINGS, vec![group("a", 2, "f")]).await.unwrap();
    assert_eq!((store.left(), outcome.rows, outcome.version), (0, 1, Some(2)));
    assert_eq!(count(&lake).await, "2");
}

/// Left to itself, delta-rs would write the loser's metadata over the winner's.
#[tokio::test]
async fn whoever_loses_the_race_to_make_a_table_uses_the_winners() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    store.inject(&[Fault::PutTwice("00000000000000000000.json")]);
    let outcome = lake.append(&READINGS, vec![group("a", 1, "f")]).await.unwrap();
    assert_eq!((store.left(), outcome.version), (0, Some(1)));
    let entry = directory.path().join("lake/readings/_delta_log/00000000000000000001.json");
    assert!(!std::fs::read_to_string(entry).unwrap().contains("metaData"));
}

/// A collector that was idle while others wrote and maintenance cleaned the log.
#[tokio::test]
async fn a_log_that_was_cleaned_behind_an_idle_collector_is_loaded_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (idle, busy) = (lake(&directory), lake(&directory));
    idle.append(&READINGS, vec![group("idle", 1, "f")]).await.unwrap();
    assert_eq!(idle.committed("idle").await.unwrap()["readings"], 1);
    for seq in 1..=52 {
        busy.append(&READINGS, vec![group("busy", seq, "g")]).await.unwrap();
    }
    let log = directory.path().join("lake/readings/_delta_log");
    for version in 0..49 {
        std::fs::remove_file(log.join(format!("{version:020}.json"))).unwrap();
    }
    assert_eq!(idle.committed("busy").await.unwrap()["readings"], 52);
    // The first attempt may fail: what it built on is gone.
    let _ = idle.append(&READINGS, vec![group("idle", 2, "f")]).await;
    idle.append(&READINGS, vec![group("idle", 2, "f"), group("idle", 3, "f")]).await.unwrap();
    assert_eq!(count(&idle).await, "55");
}
