use std::time::Duration;

use deltalake::kernel::Remove;
use object_store::path::Path;

use super::*;

const MB: u64 = 1 << 20;
const DATE: &str = "2026-11-24";
const READING: Reading = Reading { columns: 100 };

fn settings() -> Compaction {
    Compaction {
        small_bytes: 16 * MB,
        small_files: 4,
        target_bytes: 128 * MB,
        commit_bytes: 1024 * MB,
        memory_bytes: 512 * MB,
        closed_after: Duration::from_hours(3),
    }
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// While [`DATE`] is being written.
fn noon() -> DateTime<Utc> {
    at("2026-11-24T12:00:00Z")
}

/// Long after [`DATE`].
fn later() -> DateTime<Utc> {
    at("2026-11-26T12:00:00Z")
}

/// A file with keys from `low` to `high`, written at noon.
fn file(low: &str, high: &str, bytes: u64) -> LiveFile {
    LiveFile {
        path: Path::from(format!("{low}-{high}-{bytes}")),
        date: DATE.to_owned(),
        bytes,
        rows: Some(1000),
        modified_ms: noon().timestamp_millis(),
        low: Key::Value(low.to_owned()),
        high: Key::Value(high.to_owned()),
        remove: Remove::default(),
        statistics: None,
    }
}

/// The runs that are merged next, each as its files' keys.
fn merged(files: Vec<LiveFile>, now: DateTime<Utc>) -> Vec<Vec<String>> {
    let name = |key: &Key| match key {
        Key::Value(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let runs = next(files, READING, &settings(), now).unwrap_or_default();
    let keys = |run: &Run| {
        run.iter().map(|file| format!("{}-{}", name(&file.low), name(&file.high))).collect()
    };
    runs.iter().map(keys).collect()
}

fn small(count: usize) -> Vec<LiveFile> {
    (0..count).map(|_| file("a", "z", MB)).collect()
}

#[test]
fn a_day_that_is_being_written_may_have_some_small_files() {
    assert!(merged(small(4), noon()).is_empty());
    assert_eq!(merged(small(5), noon()).len(), 5);
    let mut with_large = small(4);
    with_large.push(file("a", "z", 16 * MB));
    assert!(merged(with_large, noon()).is_empty(), "16 MB are not small");
}

/// Cookies count up, so the files of one station do not overlap.
#[test]
fn files_that_rise_one_after_the_other_are_merged_as_one_run() {
    let rising = ["a", "b", "c", "d", "e"].map(|key| file(key, key, MB));
    assert_eq!(merged(rising.to_vec(), noon()), [["a-a", "b-b", "c-c", "d-d", "e-e"]]);
    assert!(merged(rising[1..].to_vec(), noon()).is_empty());
}

#[test]
fn of_many_small_files_one_commit_takes_what_it_may_replace() {
    let many: Vec<_> = (0..200).map(|n| file(&format!("{n:03}"), "z", 10 * MB)).collect();
    let rising = many.into_iter().map(|mut file| {
        file.high = file.low.clone();
        file
    });
    let runs = next(rising.collect(), READING, &settings(), noon()).unwrap();
    assert_eq!((runs.len(), runs[0].len()), (1, 102), "as many as one commit may replace");
}

#[test]
fn a_day_is_closed_hours_after_its_end_and_after_its_last_file() {
    let two = small(2);
    assert!(merged(two.clone(), at("2026-11-25T02:59:59Z")).is_empty());
    assert_eq!(merged(two.clone(), at("2026-11-25T03:00:00Z")).len(), 2);
    let mut reopened = two;
    reopened[0].modified_ms = at("2026-11-26T10:00:00Z").timestamp_millis();
    assert!(merged(reopened.clone(), later()).is_empty());
    assert_eq!(merged(reopened, at("2026-11-26T13:00:00Z")).len(), 2);
}

#[test]
fn files_of_a_closed_day_without_common_keys_are_left_alone() {
    let files = vec![file("a", "f", 100 * MB), file("g", "m", 100 * MB), file("n", "z", 40 * MB)];
    assert!(merged(files, later()).is_empty());
}

#[test]
fn a_late_file_is_merged_with_the_files_that_share_its_keys() {
    let files = vec![
        file("a", "f", 100 * MB),
        file("g", "m", 100 * MB),
        file("n", "z", 100 * MB),
        file("h", "h", MB),
    ];
    assert_eq!(merged(files, later()), [["h-h"], ["g-m"]]);
}

#[test]
fn two_files_that_share_a_key_are_never_read_one_after_the_other() {
    let files = vec![file("a", "f", 100 * MB), file("f", "k", 100 * MB)];
    assert_eq!(merged(files, later()), [["a-f"], ["f-k"]]);
}

#[test]
fn files_that_rise_are_one_run() {
    let files = vec![file("a", "c", MB), file("d", "f", MB), file("a", "f", 9 * MB)];
    assert_eq!(merged(files, later()), [vec!["a-c", "d-f"], vec!["a-f"]]);
}

#[test]
fn neighbours_that_fit_into_one_file_are_put_together() {
    let files = vec![file("a", "c", 100 * MB), file("d", "f", 20 * MB), file("g", "k", 30 * MB)];
    assert_eq!(merged(files, later()), [["a-c", "d-f"]]);
    let files = vec![file("a", "c", 120 * MB), file("d", "f", 20 * MB), file("g", "k", 30 * MB)];
    assert_eq!(merged(files, later()), [["d-f", "g-k"]]);
}

#[test]
fn one_commit_takes_the_smallest_runs_up_to_its_bytes() {
    let files = vec![file("a", "z", 900 * MB), file("a", "z", 500 * MB), file("a", "z", 400 * MB)];
    let runs = next(files, READING, &settings(), later()).unwrap();
    let bytes: Vec<_> = runs.iter().map(|run| run[0].bytes / MB).collect();
    assert_eq!(bytes, [400, 500]);
    // What is left cannot be put together within the bound, and stays.
    let files = vec![file("a", "z", 900 * MB), file("a", "z", 900 * MB)];
    assert!(merged(files, later()).is_empty());
}

#[test]
fn what_lies_beside_files_that_cannot_be_merged_is_not_put_across_them() {
    let files = vec![
        file("a", "c", MB),
        file("d", "m", 900 * MB),
        file("e", "k", 900 * MB),
        file("n", "z", MB),
    ];
    assert!(merged(files, later()).is_empty());
}

#[test]
fn memory_bounds_how_many_files_are_merged_at_once() {
    for (bytes, rows) in [(8 * MB, 100_000), (100_000, 100)] {
        let mut one = file("a", "z", bytes);
        one.rows = Some(rows);
        let most = settings().memory_bytes / READING.bytes(&one);
        let files = vec![one; 10_000];
        assert_eq!(next(files, READING, &settings(), noon()).unwrap().len() as u64, most);
    }
}

#[test]
fn a_file_without_bounds_shares_its_keys_with_all() {
    let mut unknown = file("a", "a", MB);
    (unknown.low, unknown.high) = (Key::Null, Key::Unbounded);
    let runs = merged(vec![unknown, file("y", "z", MB)], later());
    assert_eq!(runs.len(), 2);
}

#[test]
fn dates_are_merged_apart() {
    let mut other = file("a", "z", MB);
    other.date = "2026-11-23".to_owned();
    assert!(merged(vec![other, file("a", "z", MB)], later()).is_empty());
}
