use std::sync::Arc;

use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use tokio::sync::watch;

use super::replace::{Outcome, Replacement, replace};
use super::*;
use crate::Error;
use crate::table::Open;
use crate::testing::{Fault, Faulty};

/// Merges whatever there is: two small files are too many.
fn eager() -> Compaction {
    Compaction { small_files: 1, ..Compaction::default() }
}

async fn open(lake: &Lake) -> Open {
    Open::existing(&READINGS, lake.log_store(&READINGS)).await.unwrap().unwrap()
}

/// All files for one that holds their rows under another name.
fn rename(open: &Open) -> Replacement {
    let files = live::files(open).unwrap();
    let now = Utc::now();
    let removed: Vec<_> = files.iter().map(|file| file.removed_at(now, false)).collect();
    let added = removed
        .iter()
        .map(|remove| Add {
            path: remove.path.replace("part-", &format!("part-{:x}", rand::random::<u64>())),
            partition_values: remove.partition_values.clone().unwrap(),
            size: remove.size.unwrap(),
            modification_time: now.timestamp_millis(),
            stats: Some(r#"{"numRecords":20}"#.to_owned()),
            ..Add::default()
        })
        .collect();
    let operation = DeltaOperation::Optimize { predicate: None, target_size: 0 };
    Replacement { removed, added, property: None, operation }
}

/// delta-rs itself would let both in, and every row would be there twice.
#[tokio::test]
async fn of_two_replacements_of_the_same_files_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 2).await;
    let (mut left, mut right) = (open(&lake).await, open(&lake).await);
    let (first, second) = (rename(&left), rename(&right));
    assert_eq!(replace(&mut left, &first).await.unwrap(), Outcome::Committed);
    assert_eq!(replace(&mut right, &second).await.unwrap(), Outcome::Overtaken);
    assert_eq!(live::files(&open(&lake).await).unwrap().len(), 2);
    assert_eq!(left.delta.version(), right.delta.version(), "nothing was committed");
}

#[tokio::test]
async fn an_append_in_between_is_no_conflict() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    fill(&lake, 2).await;
    let mut open = open(&lake).await;
    let wanted = rename(&open);
    lake.append(&READINGS, vec![group("b", 1, "f")]).await.unwrap();
    assert_eq!(replace(&mut open, &wanted).await.unwrap(), Outcome::Committed);
    assert_eq!(live::files(&open).unwrap().len(), 3);
}

#[tokio::test]
async fn a_merge_whose_answer_was_lost_is_found_and_not_repeated() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    fill(&lake, 3).await;
    let before = every_row(&lake).await;
    store.inject(&[Fault::AnswerLost("00000000000000000004.json")]);
    let done = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!((store.left(), done.commits, done.overtaken), (0, 1, 0));
    assert_eq!(every_row(&lake).await, before);
}

#[tokio::test]
async fn a_refused_commit_of_a_merge_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (store, lake) = Faulty::lake(&directory);
    fill(&lake, 3).await;
    let before = every_row(&lake).await;
    store.inject(&[Fault::Refused("00000000000000000004.json")]);
    let error = lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot commit to table readings"), "{error}");
    assert_eq!(every_row(&lake).await, before);
    lake.compact(&READINGS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!(every_row(&lake).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_beside_compaction_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let location = Arc::new(directory);
    let (done, ended) = watch::channel(false);
    let writers: Vec<_> = (0..2)
        .map(|writer| {
            let lake = lake(&location);
            tokio::spawn(async move {
                for seq in 1..=30 {
                    let groups = vec![group(&format!("w{writer}"), seq, &format!("f{writer}"))];
                    // A refused append is the station's to send again.
                    while let Err(error) = lake.append(&READINGS, groups.clone()).await {
                        assert!(matches!(error, Error::Contended { .. }), "{error}");
                    }
                }
            })
        })
        .collect();
    let compactors: Vec<_> = (0..2)
        .map(|_| {
            let (lake, ended) = (lake(&location), ended.clone());
            tokio::spawn(async move {
                let mut commits = 0;
                loop {
                    let last = *ended.borrow();
                    match lake.compact(&READINGS, &eager(), Utc::now()).await {
                        Ok(done) => commits += done.commits,
                        Err(error) => assert!(matches!(error, Error::Contended { .. }), "{error}"),
                    }
                    if last {
                        return commits;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.send_replace(true);
    let mut commits = 0;
    for compactor in compactors {
        commits += compactor.await.unwrap();
    }
    assert!(commits > 0, "nothing was compacted");
    let lake = lake(&location);
    let stored = csv(
        &lake,
        "SELECT flow_id, count(*), count(DISTINCT n), sum(n) FROM readings GROUP BY 1 ORDER BY 1",
    );
    assert_eq!(stored.await, ["f0,30,30,465", "f1,30,30,465"]);
    assert_eq!(live_paths(&lake).await.len(), 1);
}
