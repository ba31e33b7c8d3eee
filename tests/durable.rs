//! Nothing lost, nothing twice: collectors and stations that are killed at every
//! point where it could matter, on stores that forget and that lose answers.
//!
//! Collectors and stations are processes, started as this executable again, on
//! the libraries that the product is made of.  What goes wrong lies outside of
//! them: in an object store and a disk that a collector is given, and in a proxy
//! between stations and collectors.  The truth is the driver's ledger of appends
//! that returned.  `TRIGPOINT_PROVE=full` asks for the full counts.
//!
//! | file | owns |
//! |---|---|
//! | `campaign` | the driver: who runs, who dies next, what has to be true then |
//! | `ledger` | what was measured, and whether the lake has it |
//! | `upkeep` | the driver of maintenance |
//! | `child`, `collector`, `station`, `maintainer` | this executable as another process |
//! | `faults` | the store and the disk that go wrong at a named call |
//! | `page_cache` | the disk that forgets what was not synced |
//! | `proxy` | the address of whichever collector lives, and the point before an ack |
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use trigpoint_testkit::{Directory, S3};

#[path = "durable/campaign.rs"]
mod campaign;
#[path = "durable/child.rs"]
mod child;
#[path = "durable/collector.rs"]
mod collector;
#[path = "durable/faults.rs"]
mod faults;
#[path = "durable/ledger.rs"]
mod ledger;
#[path = "durable/maintainer.rs"]
mod maintainer;
#[path = "durable/page_cache.rs"]
mod page_cache;
#[path = "durable/proxy.rs"]
mod proxy;
#[path = "durable/station.rs"]
mod station;
#[path = "durable/upkeep.rs"]
mod upkeep;

use campaign::{Campaign, Death, SMALL};
use collector::Place;
use faults::{Call, Deed, Fault, Moment};
use maintainer::Act;
use page_cache::PageCache;
use upkeep::Upkeep;

/// Every random choice follows from it.
const SEED: u64 = 0x7219_90f5;

/// How much is asked for.
struct Counts {
    /// Deaths at each named point.
    named: usize,
    /// Deaths at each named point of a checkpoint, which takes 50 commits.
    checkpoint: usize,
    /// Deaths at some call.
    random: usize,
    stations: usize,
    rows: usize,
}

impl Counts {
    fn asked_for() -> Self {
        if std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full") {
            Self { named: 3, checkpoint: 3, random: 20, stations: 5, rows: 200_000 }
        } else {
            Self { named: 1, checkpoint: 1, random: 3, stations: 2, rows: 4_000 }
        }
    }

    /// In the short form one campaign is enough that waits for checkpoints.
    fn without_checkpoints_when_short(self) -> Self {
        let checkpoint = if self.named == 1 { 0 } else { self.checkpoint };
        Self { checkpoint, ..self }
    }
}

/// Its name; the calls that it is at; how many of them may pass at most.  The
/// number is drawn, so that each time it is another commit.
type Point = (&'static str, Call, &'static str, Moment, u32);

/// The points on the way of a batch where a death could lose or double it.
const POINTS: &[Point] = &[
    ("after the Parquet put", Call::Put, "/date=*.parquet", Moment::After, 6),
    ("before the log put", Call::Put, "/_delta_log/*.json", Moment::Before, 6),
    ("in the log put, not durable yet", Call::Sync, "/_delta_log", Moment::Before, 6),
    ("after the log put", Call::Put, "/_delta_log/*.json", Moment::After, 6),
    ("between snapshots and flows", Call::Put, "/flows/date=", Moment::Before, 3),
    ("between flows and speed tests", Call::Put, "/speed_tests/date=", Moment::Before, 3),
];

/// The same in a checkpoint, which comes with every 50th commit of a table.
const CHECKPOINT_POINTS: &[Point] = &[
    ("before the checkpoint put", Call::Put, ".checkpoint.parquet", Moment::Before, 1),
    ("after the checkpoint put", Call::Put, ".checkpoint.parquet", Moment::After, 1),
    ("after the put of _last_checkpoint", Call::Put, "/_last_checkpoint", Moment::After, 1),
];

fn kill_everything(mut campaign: Campaign, counts: &Counts) {
    let mut stations = 0;
    let disk = campaign.is_on_disk();
    for (point, call, path, moment, most) in POINTS {
        if *call == Call::Sync && !disk {
            continue;
        }
        for _ in 0..counts.named {
            if stations < counts.stations {
                campaign.kill_station();
                stations += 1;
            }
            let death = campaign.soon(*call, path, *moment, *most);
            campaign.die(&death);
        }
        println!("killed {} times {point}", counts.named);
    }
    for nth in 1..=counts.named as u32 {
        campaign.die(&Death::BeforeAck(nth));
    }
    println!("killed {} times before an ack", counts.named);
    for (point, call, path, moment, most) in CHECKPOINT_POINTS {
        for _ in 0..counts.checkpoint {
            let death = campaign.soon(*call, path, *moment, *most);
            campaign.die(&death);
        }
        if counts.checkpoint > 0 {
            println!("killed {} times {point}", counts.checkpoint);
        }
    }
    campaign.size = large(counts.rows);
    for round in 0..counts.random {
        let moment = [Moment::Before, Moment::After][round % 2];
        let call = if disk && round % 3 == 2 { Call::Sync } else { Call::Put };
        let death = campaign.soon(call, "", moment, 30);
        campaign.die(&death);
    }
    println!("killed {} times at some call", counts.random);
    let rows = campaign.finish(counts.rows);
    println!(
        "{rows} rows of {} appends, {} deaths of collectors, {} of stations: each row once",
        campaign.batches(),
        campaign.deaths,
        campaign.station_deaths,
    );
    assert!(rows >= counts.rows as u64);
    assert_eq!(campaign.station_deaths, counts.stations);
}

/// The points at which maintenance could lose or double rows, by what is done.
const UPKEEP_POINTS: &[(&[Act], &[Point])] = &[
    (
        &[Act::Compact],
        &[
            ("after a merged file's put", Call::Put, "/date=*.parquet", Moment::After, 3),
            ("before a merge's log put", Call::Put, "/_delta_log/*.json", Moment::Before, 3),
            ("in a merge's log put", Call::Sync, "/_delta_log", Moment::Before, 3),
            ("after a merge's log put", Call::Put, "/_delta_log/*.json", Moment::After, 3),
            ("before the checkpoint put", Call::Put, ".checkpoint.parquet", Moment::Before, 1),
            ("after the checkpoint put", Call::Put, ".checkpoint.parquet", Moment::After, 1),
        ],
    ),
    (
        &[Act::Retain],
        &[
            ("before a retention's log put", Call::Put, "/_delta_log/*.json", Moment::Before, 3),
            ("after a retention's log put", Call::Put, "/_delta_log/*.json", Moment::After, 3),
        ],
    ),
    // There has to be something to delete.
    (
        &[Act::Compact, Act::Vacuum],
        &[
            ("before a vacuum's delete", Call::Delete, "/date=*.parquet", Moment::Before, 8),
            ("after a vacuum's delete", Call::Delete, "/date=*.parquet", Moment::After, 8),
        ],
    ),
    (
        &[Act::Compact, Act::CleanLog],
        &[("after the delete of a log entry", Call::Delete, "/_delta_log", Moment::After, 8)],
    ),
];

#[test]
fn killed_maintenance_leaves_the_tables_clean() {
    if child::played() {
        return;
    }
    let test = "killed_maintenance_leaves_the_tables_clean";
    let directory = Directory::new();
    let place = Place::Forgetful(directory.join("disk"));
    let mut upkeep = Upkeep::new(test, directory, place, SEED + 4);
    let counts = Counts::asked_for();
    for (acts, points) in UPKEEP_POINTS {
        for (point, call, path, moment, most) in *points {
            for _ in 0..counts.named {
                upkeep.die(acts, *call, path, *moment, *most);
            }
            println!("killed {} times {point}", counts.named);
        }
    }
    for round in 0..counts.random {
        let moment = [Moment::Before, Moment::After][round % 2];
        let call = [Call::Put, Call::Delete, Call::Sync][round % 3];
        upkeep.die(&Act::ALL, call, "", moment, 30);
    }
    println!("killed {} times at some call", counts.random);
    let rows = upkeep.finish();
    println!("{rows} rows of {} appends, {} deaths: clean", upkeep.batches(), upkeep.deaths);
}

/// Tests large enough that so many rows take some hundred of them.
fn large(rows: usize) -> campaign::Size {
    if rows > 10_000 { [400, 40, 10] } else { [20, 4, 2] }
}

#[test]
fn killed_collectors_and_stations_lose_nothing_and_double_nothing() {
    if child::played() {
        return;
    }
    let test = "killed_collectors_and_stations_lose_nothing_and_double_nothing";
    let directory = Directory::new();
    let place = Place::Directory(directory.join("lake"));
    let counts = Counts::asked_for().without_checkpoints_when_short();
    kill_everything(Campaign::new(test, directory, place, 1, SEED), &counts);
}

#[test]
fn machines_that_go_down_lose_nothing_that_was_acknowledged() {
    if child::played() {
        return;
    }
    let test = "machines_that_go_down_lose_nothing_that_was_acknowledged";
    let directory = Directory::new();
    let place = Place::Forgetful(directory.join("disk"));
    kill_everything(Campaign::new(test, directory, place, 1, SEED + 1), &Counts::asked_for());
}

/// On a real S3 server.  Whenever one of them starts again, stations move
/// between them, and their batches with them.
#[test]
fn two_collectors_on_one_bucket_lose_nothing_and_double_nothing() {
    if child::played() {
        return;
    }
    let test = "two_collectors_on_one_bucket_lose_nothing_and_double_nothing";
    let directory = Directory::new();
    let s3 = S3::start(&directory);
    let environment = S3::environment(s3.address());
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let place = Place::Bucket { url: s3.url("rows"), environment };
    let counts = Counts::asked_for().without_checkpoints_when_short();
    kill_everything(Campaign::new(test, directory, place, 2, SEED + 3), &counts);
}

/// Puts that succeed and say otherwise, puts that fail, and a panic in between.
#[test]
fn calls_that_go_wrong_lose_nothing_and_double_nothing() {
    if child::played() {
        return;
    }
    let test = "calls_that_go_wrong_lose_nothing_and_double_nothing";
    let directory = Directory::new();
    let place = Place::Directory(directory.join("lake"));
    let mut campaign = Campaign::new(test, directory, place, 1, SEED + 2);
    let counts = Counts::asked_for();
    let fault = |path: &str, moment, nth, deed| {
        let path = path.to_owned();
        Fault { call: Call::Put, path, moment, nth, deed }
    };
    let mut faults = Vec::new();
    for table in ["snapshots", "flows", "speed_tests"] {
        let entry = format!("/{table}/_delta_log/*.json");
        let checkpoint = format!("/{table}/_delta_log/*.checkpoint.parquet");
        let pointer = format!("/{table}/_delta_log/_last_checkpoint");
        faults.extend([
            // The first entry makes the table.
            fault(&entry, Moment::After, 1, Deed::Fail),
            fault(&entry, Moment::After, 4, Deed::Fail),
            fault(&entry, Moment::Before, 7, Deed::Fail),
        ]);
        // Of a table that meets both, one comes 50 commits after the other.
        let meets_both = counts.checkpoint > 1;
        if meets_both || table != "flows" {
            faults.push(fault(&checkpoint, Moment::After, 1, Deed::Fail));
        }
        if meets_both || table == "flows" {
            faults.push(fault(&pointer, Moment::Before, 1, Deed::Fail));
        }
    }
    faults.extend([
        fault("/snapshots/date=", Moment::After, 5, Deed::Fail),
        fault("/flows/date=", Moment::Before, 5, Deed::Fail),
        fault("/speed_tests/date=", Moment::Before, 5, Deed::Panic),
        fault("/snapshots/_delta_log/*.json", Moment::After, 20, Deed::Panic),
    ]);
    campaign.survive(faults);
    campaign.size = SMALL;
    let rows = campaign.finish(campaign.rows());
    println!("{rows} rows, each once");
}

/// Without its fsyncs the product would fail the suite: the double forgets.
#[test]
fn the_forgetful_disk_forgets_what_was_not_synced() {
    use std::fs::{self, File};

    let directory = Directory::new();
    let disk = PageCache::new(&directory.join("disk"));
    let root = disk.root();
    let sync = |path: &str| {
        let path = root.join(path);
        disk.synced(&path, &File::open(&path).unwrap()).unwrap();
    };
    fs::create_dir_all(root.join("a/b")).unwrap();
    for name in ["a/whole", "a/empty", "a/nameless", "a/b/unreachable", "a/replaced", "a/removed"] {
        fs::write(root.join(name), name).unwrap();
    }
    for synced in ["a/whole", "a/b/unreachable", "a/replaced", "a/removed", "a/b", "", "a"] {
        if synced == "a" {
            fs::remove_file(root.join("a/nameless")).unwrap();
            fs::remove_dir_all(root.join("a/b")).unwrap();
        }
        sync(synced);
    }
    fs::create_dir(root.join("a/b")).unwrap();
    fs::write(root.join("a/nameless"), "again").unwrap();
    sync("a/nameless");
    fs::write(root.join("a/new"), "new").unwrap();
    sync("a/new");
    fs::rename(root.join("a/new"), root.join("a/replaced")).unwrap();
    fs::remove_file(root.join("a/removed")).unwrap();

    disk.power_cut();
    let text = |name: &str| fs::read_to_string(root.join(name)).ok();
    assert_eq!(text("a/whole").as_deref(), Some("a/whole"));
    assert_eq!(text("a/empty").as_deref(), Some(""), "its contents were never synced");
    assert_eq!(text("a/nameless"), None, "its name was never synced");
    assert_eq!(text("a/replaced").as_deref(), Some("a/replaced"), "the new name was not synced");
    assert_eq!(text("a/removed").as_deref(), Some("a/removed"), "nor was its removal");
    assert!(!root.join("a/b").exists());

    // What the machine finds when it starts is durable.
    disk.power_cut();
    assert_eq!(text("a/whole").as_deref(), Some("a/whole"));
}
