//! Ten minutes of ingest, compaction, vacuum and ten readers: no reader sees an
//! error, a duplicate or a hole, and at the end every row is there once.
//!
//! A real collector takes care of its tables every five seconds, and a rival on
//! the same tables (`trigpoint lake`) without pause.  Removed files and log entries
//! live for one minute and a query for half of that, so whatever a reader still
//! needs is soon in danger.  What keeps it safe:
//!
//! - a file goes a minute after the commit that removed it, and a query reads
//!   the files of the newest version when it starts: `deletedFileRetentionDuration`
//!   is what must be longer than a query;
//! - a log entry goes when a checkpoint that is a minute old covers it:
//!   `logRetentionDuration` is what must be longer than a query reads its log,
//!   and a session that was idle for longer has to find its way by a checkpoint.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use trigpoint_testkit::{Directory, Process, Stream};

#[path = "soak/invariants.rs"]
mod invariants;
#[path = "soak/reader.rs"]
mod reader;
#[path = "soak/retention.rs"]
mod retention;
#[path = "soak/rival.rs"]
mod rival;
#[path = "soak/station.rs"]
mod station;

use invariants::Totals;
use reader::{Habit, Reader};
use rival::Rival;
use station::{Delivered, Station, rest};

const TRIGPOINT: &str = env!("CARGO_BIN_EXE_trigpoint");
const STATIONS: usize = 4;
/// Ten of them.
const HABITS: [Habit; 10] = [
    Habit::Steady,
    Habit::Steady,
    Habit::Steady,
    Habit::Steady,
    Habit::Steady,
    Habit::Idle,
    Habit::Slow,
    Habit::Slow,
    Habit::NewProcess,
    Habit::NewProcess,
];
/// For what must come at all.
const DEADLINE: Duration = Duration::from_mins(5);

/// How long at least, and how tight.
#[derive(Debug, Clone, Copy)]
struct Plan {
    length: Duration,
    /// Of removed files and of log entries.
    retention: Duration,
    /// A query is given up after this time.
    query_cap: Duration,
    /// Files that vacuum must have deleted, or nothing was shown.
    deleted_at_least: u64,
}

impl Plan {
    fn new() -> Self {
        let is_full = env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full");
        let (seconds, retention_s, deleted_at_least) =
            if is_full { (600, 60, 1000) } else { (50, 20, 20) };
        let retention = Duration::from_secs(retention_s);
        Self {
            length: Duration::from_secs(seconds),
            retention,
            query_cap: retention / 2,
            deleted_at_least,
        }
    }
}

/// Whether the load goes on.
#[derive(Debug, Clone, Default)]
struct Load {
    ended: Arc<AtomicBool>,
}

/// Ends the load with whoever holds this, also when that one fails.
struct Ending(Load);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::SeqCst)
    }

    fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    fn ending(&self) -> Ending {
        Ending(self.clone())
    }

    /// Ends it after the plan's time, and once enough was deleted: on a slow
    /// machine that takes longer.
    async fn last(&self, plan: Plan, deleted: impl Fn() -> u64) {
        let _ending = self.ending();
        let started = Instant::now();
        let is_over = || {
            let elapsed = started.elapsed();
            let is_enough = elapsed >= plan.length && deleted() >= plan.deleted_at_least;
            is_enough || elapsed >= plan.length * 3 + DEADLINE
        };
        while self.goes_on() && !is_over() {
            rest(Duration::from_secs(1)).await;
        }
    }
}

#[test]
fn readers_of_tables_that_are_written_merged_and_vacuumed_see_every_row_once() {
    let plan = Plan::new();
    let directory = Directory::new();
    let data = directory.join("data");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(retention::make_tables(&data.join("lake"), plan.retention));
    let collector = start_collector(&directory);
    let uri = collector.line(Stream::Stdout, DEADLINE, |line| {
        line.split_once("https://").map(|(_, address)| format!("https://{address}"))
    });
    let certificate = data.join("tls/certificate.pem");

    let load = Load::default();
    let (stations, delivered): (Vec<Station>, Vec<Arc<Delivered>>) =
        (0..STATIONS).map(|number| Station::open(number, &directory, &uri, &certificate)).unzip();
    let reader = |habit| Reader { habit, data: data.clone(), plan, delivered: delivered.clone() };
    let rival = Rival::start(data.clone(), load.clone());
    let deleted =
        || rival.deleted() + rival::deleted_by_collector(&collector.output(Stream::Stderr));
    let totals = runtime.block_on(async {
        let stations: Vec<_> =
            stations.into_iter().map(|station| tokio::spawn(station.run(load.clone()))).collect();
        let readers = HABITS.map(|habit| tokio::spawn(reader(habit).run(load.clone())));
        load.last(plan, deleted).await;
        let mut totals = Totals::default();
        for reader in readers {
            totals.add(reader.await.unwrap());
        }
        for station in stations {
            station.await.unwrap();
        }
        reader(Habit::Steady).expect_exactly_what_was_sent().await;
        totals
    });
    let deleted = deleted();
    let rival = rival.stop();
    let collector = collector.stop(DEADLINE);
    collector.expect_code(0);

    let failures: Vec<_> = collector.stderr.lines().filter(|line| is_failure(line)).collect();
    let rows: u64 = delivered.iter().map(|one| one.rows()).sum();
    println!("{rows} rows; vacuum deleted {deleted} files; {rival}; {totals}");
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(deleted >= plan.deleted_at_least, "only {deleted} files were deleted");
    assert!(totals.every_habit_read(), "{totals}");
}

fn start_collector(directory: &Directory) -> Process {
    std::fs::write(directory.join("tokens"), "soak secret-of-the-soak\n").unwrap();
    std::fs::write(directory.join("token"), "secret-of-the-soak\n").unwrap();
    let mut command = Command::new(TRIGPOINT);
    command.args(["collector", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command.args(["--commit-after", "0s", "--commit-at-latest", "100ms"]);
    command.args(["--maintenance-interval", "5s"]);
    command.arg("--data-dir").arg(directory.join("data"));
    Process::start(command.arg("--token-file").arg(directory.join("tokens")))
}

fn is_failure(line: &str) -> bool {
    line.contains(" ERROR ") || line.contains(" WARN ")
}

/// The lake's directory below a data directory.
fn lake(data: &std::path::Path) -> PathBuf {
    data.join("lake")
}
