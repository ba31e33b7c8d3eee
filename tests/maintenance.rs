//! Care of the tables by hand: `trigpoint lake` on what a station left.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use trigpoint_testkit::{Directory, Finished, run};

/// Far above what a loaded two-core machine needs.
const DEADLINE: Duration = Duration::from_mins(2);

fn trigpoint(directory: &Directory, arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint"));
    command.args(arguments).arg("--data-dir").arg(directory.join("data"));
    run(command.env("TRIGPOINT_TEST_DURATION", "1s"), DEADLINE)
}

/// Every row of a table, in an order that no file gives.
fn rows(directory: &Directory, table: &str) -> String {
    let sql = format!("SELECT * FROM {table} ORDER BY flow_id");
    let answer = trigpoint(directory, &["query", "--format", "jsonl", &sql]);
    answer.expect_code(0);
    answer.stdout.clone()
}

/// Data files of a table on disk.
fn files(directory: &Directory, table: &str) -> usize {
    let table = fs::read_dir(directory.join("data/lake").join(table)).unwrap();
    let dates = table.map(|entry| entry.unwrap().path());
    let dates = dates.filter(|path| path.file_name().unwrap() != "_delta_log");
    dates.map(|date| fs::read_dir(date).unwrap().count()).sum()
}

fn line<'a>(output: &'a Finished, table: &str) -> &'a str {
    output.stdout.lines().find(|line| line.starts_with(&format!("{table}: "))).unwrap()
}

#[test]
fn files_are_merged_and_the_old_ones_deleted_and_every_row_stays() {
    let directory = Directory::new();
    for _ in 0..2 {
        let arguments = ["standalone", "--try", "--exit", "--ws-port", "0", "--wss-port", "0"];
        trigpoint(&directory, &arguments).expect_code(0);
    }
    let before = files(&directory, "flows");
    assert!(before > 1, "two runs made {before} files");
    let flows = rows(&directory, "flows");
    assert!(!flows.is_empty());

    let merged = trigpoint(&directory, &["lake", "compact", "--small-files", "1"]);
    merged.expect_code(0);
    assert!(
        line(&merged, "flows").starts_with(&format!("flows: {before} files of ")),
        "{merged:?}"
    );
    assert_eq!(rows(&directory, "flows"), flows);
    let after = files(&directory, "flows");
    assert!(after > before, "replaced files stay for queries that read them");

    let kept = trigpoint(&directory, &["lake", "vacuum"]);
    kept.expect_code(0);
    assert_eq!(files(&directory, "flows"), after);
    let ages = ["--orphan-age", "0s", "--deleted-file-age", "0s"];
    let vacuumed = trigpoint(&directory, &[&["lake", "vacuum"], &ages[..]].concat());
    vacuumed.expect_code(0);
    let deleted = format!("flows: deleted {before} removed files, 0 orphans and 0 staging files");
    assert!(line(&vacuumed, "flows").starts_with(&deleted), "{vacuumed:?}");
    assert_eq!(files(&directory, "flows"), after - before);
    assert_eq!(rows(&directory, "flows"), flows);

    let retained = trigpoint(&directory, &["lake", "retain", "--keep-days", "30"]);
    retained.expect_code(0);
    assert!(line(&retained, "flows").starts_with("flows: removed 0 files"), "{retained:?}");
    assert_eq!(rows(&directory, "flows"), flows);
}

#[test]
fn tables_that_are_not_there_need_no_care() {
    let directory = Directory::new();
    for act in ["compact", "vacuum"] {
        let done = trigpoint(&directory, &["lake", act]);
        done.expect_code(0);
        assert!(line(&done, "snapshots").contains(" 0 "), "{done:?}");
    }
}
