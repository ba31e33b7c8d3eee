//! How soon a test is in the tables: from the server's Close frame until a new
//! `trigpoint query` sees the test's row and every snapshot up to that moment.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::env;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mimalloc::MiMalloc;
use trigpoint_testkit::{Directory, S3};

#[path = "freshness/compactor.rs"]
mod compactor;
#[path = "freshness/history.rs"]
mod history;
#[path = "freshness/place.rs"]
mod place;
#[path = "freshness/wait.rs"]
mod wait;

use compactor::Ending;
use place::Place;
use wait::waits;

/// As `trigpoint` does.  What thousands of commits take and give back in turn
/// leaves glibc's heap in pieces: it grew to 23 GB.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
/// What is promised, and shown by the full form.
const LIMIT_ON_DISK: Duration = Duration::from_secs(5);
const LIMIT_ON_S3: Duration = Duration::from_secs(10);
/// So much more does the short form allow: six tests beside a compactor that
/// takes one of two processors say that something is broken, not how fast it is.
const SLACK_OF_SHORT_FORM: u32 = 2;
/// For what must come at all.
const DEADLINE: Duration = Duration::from_mins(2);

fn is_full() -> bool {
    env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

fn within(limit: Duration) -> Duration {
    if is_full() { limit } else { limit * SLACK_OF_SHORT_FORM }
}

#[test]
fn a_test_is_in_the_tables_soon_after_its_close() {
    let tests = if is_full() { 50 } else { 5 };
    let directory = Directory::new();
    let place = Place::disk(&directory);
    let station = place.station(&["--test-duration", "1s"]);
    let waits = waits(&station, &place, 1, tests);
    station.stop();
    println!("on disk, empty tables: {waits}");
    assert!(waits.slowest() < within(LIMIT_ON_DISK), "{waits}");
}

#[test]
fn a_test_is_soon_in_tables_with_a_long_history_that_are_compacted_meanwhile() {
    // One test after the other, 200 of them would take half an hour.
    let (commits, clients, tests) = if is_full() { (5000, 4, 200) } else { (100, 2, 6) };
    let directory = Directory::new();
    // The same objects for both: a bucket of versitygw is a directory.
    let history = directory.join("history");
    history::make(&history, commits);
    let disk = Place::disk(&directory);
    history::copy(&history, &directory.join("data/lake"));
    let s3 = S3::start(&directory);
    history::copy(&history, &s3.bucket().join("tables"));
    let bucket = Place::bucket(&directory, &s3, "tables");
    for (place, name, limit) in [(disk, "disk", LIMIT_ON_DISK), (bucket, "S3", LIMIT_ON_S3)] {
        let station = place.station(&["--test-duration", "1s", "--maintenance-interval", "1s"]);
        let stop = AtomicBool::new(false);
        let (waits, merged) = std::thread::scope(|scope| {
            let compactor = scope.spawn(|| compactor::run(&place, &stop));
            let ending = Ending(&stop);
            let waits = waits(&station, &place, clients, tests);
            drop(ending);
            (waits, compactor.join().unwrap())
        });
        station.stop();
        println!(
            "on {name}, after {commits} commits, {clients} tests at a time, \
             {merged} files merged meanwhile: {waits}"
        );
        assert!(merged > 0, "nothing was compacted on {name}");
        assert!(waits.quantile(0.99) < within(limit), "on {name}: {waits}");
    }
}
