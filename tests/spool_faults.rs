//! A station whose disk is full, too small, emptied or read-only, beside a
//! collector that comes and goes, or has no room itself: no test stops, every row that the spool took
//! arrives once, and what is lost is told.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

use std::collections::BTreeSet;

use trigpoint_testkit::lab::inside;
use trigpoint_testkit::{Stream, eventually};

#[path = "spool_faults/disk.rs"]
mod disk;
#[path = "spool_faults/pair.rs"]
mod pair;

use disk::Disk;
use pair::{DEADLINE, Pair};

/// How often the disk is filled.
fn rounds() -> usize {
    let is_full = std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full");
    if is_full { 20 } else { 2 }
}

#[test]
fn a_full_disk_stops_no_test_and_loses_no_row() {
    inside("a_full_disk_stops_no_test_and_loses_no_row", || {
        let mut pair = Pair::new("4M");
        pair.start_collector();
        pair.start_station(&[]);
        let mut tests = pair.speedtest();
        for _ in 0..rounds() {
            let failed = pair.metric("trigpoint_spool_errors_total");
            // An acknowledgement would give room back.
            pair.stop_collector();
            pair.disk().fill();
            tests += pair.speedtest() + pair.speedtest();
            eventually(DEADLINE, "a batch that does not fit", || {
                (pair.metric("trigpoint_spool_errors_total") > failed).then_some(())
            });
            assert!(pair.metric("trigpoint_unspooled_bytes") > 0);
            pair.disk().free();
            eventually(DEADLINE, "everything in the spool", || {
                (pair.metric("trigpoint_unspooled_bytes") == 0).then_some(())
            });
            pair.start_collector();
        }
        tests += pair.speedtest();
        pair.await_every_row(tests);
        assert_eq!(pair.metric("trigpoint_lost_rows_total"), 0);
        assert_eq!(pair.query("SELECT * FROM stations WHERE event = 'gap'").len(), 0);
        println!("{tests} tests, disk filled {} times, none of their rows lost", rounds());

        let ended = pair.stop_station();
        let lines = |text: &str| ended.stderr.lines().filter(|line| line.contains(text)).count();
        assert_eq!(lines("cannot write to the spool"), rounds(), "one line when it begins");
        assert_eq!(lines("the spool takes rows again"), rounds(), "one line when it ends");
        assert_eq!(pair.outcome()["unflushedRows"], 0);
    });
}

#[test]
fn a_full_disk_of_the_collector_keeps_the_rows_at_the_station() {
    inside("a_full_disk_of_the_collector_keeps_the_rows_at_the_station", || {
        let mut pair = Pair::new("16M");
        let disk = pair.mount_for_collector("16M");
        pair.start_collector();
        pair.start_station(&[]);
        let mut tests = pair.speedtest();
        pair.await_tests(tests);
        disk.fill();
        tests += pair.speedtest();
        pair.collector_line(&["commit failed, waiting for the store", "No space left on device"]);
        assert!(pair.metric("trigpoint_uplink_unacknowledged_batches") > 0);
        disk.free();
        pair.collector_line(&["commits succeed again"]);
        tests += pair.speedtest();
        pair.await_every_row(tests);
        pair.check_lake();
    });
}

#[test]
fn at_the_size_cap_the_oldest_batches_go_and_the_gap_is_in_the_tables() {
    inside("at_the_size_cap_the_oldest_batches_go_and_the_gap_is_in_the_tables", || {
        let mut pair = Pair::new("4M");
        pair.start_collector();
        pair.stop_collector();
        pair.start_station(&["--spool-max-bytes", "60000"]);
        while pair.metric("trigpoint_spool_dropped_batches_total") == 0 {
            pair.speedtest();
        }
        assert!(pair.metric("trigpoint_spool_bytes") <= 60_000);
        assert!(pair.metric("trigpoint_spool_age_seconds") > 0);
        pair.start_collector();
        eventually(DEADLINE, "an empty spool", || {
            (pair.metric("trigpoint_uplink_unacknowledged_batches") == 0).then_some(())
        });
        let dropped = pair.metric("trigpoint_spool_dropped_batches_total");
        let appended = pair.metric("trigpoint_spooled_batches_total");
        pair.stop_station();

        let arrived = pair.query(
            "SELECT batch_seq FROM snapshots UNION SELECT batch_seq FROM flows \
             UNION SELECT batch_seq FROM speed_tests \
             UNION SELECT batch_seq FROM stations WHERE event <> 'gap'",
        );
        let arrived: BTreeSet<u64> =
            arrived.iter().map(|row| row["batch_seq"].as_u64().unwrap()).collect();
        let gaps = pair.query(
            "SELECT gap['first_seq'] AS first, gap['last_seq'] AS last, gap['reason'] AS reason \
             FROM stations WHERE event = 'gap'",
        );
        let mut lost = BTreeSet::new();
        for gap in gaps {
            assert_eq!(gap["reason"], "size_cap", "{gap}");
            lost.extend(gap["first"].as_u64().unwrap()..=gap["last"].as_u64().unwrap());
        }
        assert_eq!(lost.len() as u64, dropped, "{lost:?}");
        assert_eq!(lost.intersection(&arrived).count(), 0, "lost and there: {lost:?} {arrived:?}");
        // What came with the station's end was appended later.
        let last = arrived.last().copied().unwrap();
        assert!(last >= appended, "{last} of {appended}");
        let all: BTreeSet<u64> = lost.union(&arrived).copied().collect();
        assert_eq!(all, (1..=last).collect(), "neither lost nor there");
        println!("{} batches, {dropped} of them dropped and told", all.len());
    });
}

#[test]
fn a_killed_station_delivers_its_old_spool_and_an_emptied_one_starts_anew() {
    inside("a_killed_station_delivers_its_old_spool_and_an_emptied_one_starts_anew", || {
        let mut pair = Pair::new("16M");
        pair.start_collector();
        pair.stop_collector();
        pair.start_station(&[]);
        let mut tests = pair.speedtest();
        eventually(DEADLINE, "both tests in the spool", || {
            (pair.metric_of("trigpoint_recorded_rows_total", "speed_tests") == tests).then_some(())
        });
        pair.kill_station();
        pair.start_station(&[]);
        tests += pair.speedtest();
        pair.start_collector();
        pair.await_tests(tests);
        pair.stop_station();
        let spools = "SELECT DISTINCT spool_id FROM speed_tests";
        assert_eq!(pair.query(spools).len(), 1, "the old spool was taken up again");

        std::fs::remove_dir_all(pair.disk().path().join("spool")).unwrap();
        pair.start_station(&[]);
        tests += pair.speedtest();
        pair.await_tests(tests);
        pair.stop_station();
        assert_eq!(pair.query(spools).len(), 2, "the emptied one is another stream");
        assert_eq!(pair.query("SELECT * FROM stations WHERE event = 'gap'").len(), 0);
    });
}

#[test]
fn a_station_does_not_start_on_a_read_only_spool_and_says_so_in_one_line() {
    inside("a_station_does_not_start_on_a_read_only_spool_and_says_so_in_one_line", || {
        let mut pair = Pair::new("16M");
        pair.start_collector();
        pair.start_station(&[]);
        let tests = pair.speedtest();
        pair.stop_station();
        pair.disk().read_only(true);
        let refused = pair.refused_station();
        refused.expect_code(64);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
        let spool = pair.disk().path().join("spool");
        for part in [&*spool.to_string_lossy(), "Read-only file system"] {
            assert!(refused.stderr.contains(part), "`{part}` in {}", refused.stderr);
        }
        pair.disk().read_only(false);
        pair.start_station(&[]);
        pair.await_tests(tests + pair.speedtest());
    });
}

#[test]
fn a_station_starts_on_a_full_disk_and_catches_up_when_there_is_room() {
    inside("a_station_starts_on_a_full_disk_and_catches_up_when_there_is_room", || {
        let mut pair = Pair::new("4M");
        pair.start_collector();
        pair.start_station(&[]);
        let mut tests = pair.speedtest();
        pair.stop_station();
        pair.disk().fill();
        pair.start_station(&[]);
        tests += pair.speedtest();
        pair.station_line(Stream::Stderr, "cannot write to the spool");
        pair.disk().free();
        pair.station_line(Stream::Stderr, "the spool takes rows again");
        pair.await_tests(tests);
        pair.stop_station();
    });
}
