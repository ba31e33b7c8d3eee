//! Several collectors on the same tables.

use std::process::Command;

use trigpoint_testkit::{Process, run};

use super::{Bench, DEADLINE, ingest, speedtest};

/// Speed tests on each station; they run beside each other.
const TESTS: usize = 3;

#[test]
fn two_collectors_commit_to_the_same_tables_and_every_row_is_there_once() {
    let bench = Bench::new();
    let endpoint = bench.s3.address();
    let start = |name| Process::start(&mut bench.collector(name, "127.0.0.1:0", endpoint));
    // They start together on an empty bucket: both want to make the tables.
    let collectors = [start("left"), start("right")];
    let uris = collectors.each_ref().map(ingest);
    let stations = [("station-1", 0), ("station-2", 1), ("station-3", 0), ("station-4", 1)]
        .map(|(name, side)| bench.station(name, (["left", "right"][side], &uris[side])));
    std::thread::scope(|scope| {
        for station in &stations {
            scope.spawn(|| (0..TESTS).for_each(|_| speedtest(station)));
        }
    });
    bench.expect_exactly(stations.len() * TESTS * 2);
    for process in stations.into_iter().chain(collectors) {
        process.stop(DEADLINE).expect_code(0);
    }
}

/// As when a node comes back that was believed dead, with a pod on a copy of
/// its disk: each collector gets the same batches of the same spool.
#[test]
fn two_live_streams_of_one_spool_at_two_collectors_store_its_rows_once() {
    let bench = Bench::new();
    let endpoint = bench.s3.address();
    let start = |name| Process::start(&mut bench.collector(name, "127.0.0.1:0", endpoint));
    let away = start("left");
    let uri = ingest(&away);
    away.stop(DEADLINE).expect_code(0);
    let station = bench.station("spool", ("left", &uri));
    (0..TESTS).for_each(|_| speedtest(&station));
    station.stop(DEADLINE).expect_code(0);
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(bench.directory.join("spool")).arg(bench.directory.join("copy"));
    run(&mut copy, DEADLINE).expect_code(0);

    let collectors = [start("left"), start("right")];
    let uris = collectors.each_ref().map(ingest);
    let stations =
        [bench.station("spool", ("left", &uris[0])), bench.station("copy", ("right", &uris[1]))];
    bench.expect_exactly(TESTS * 2);
    for process in stations.into_iter().chain(collectors) {
        process.stop(DEADLINE).expect_code(0);
    }
    bench.expect_exactly(TESTS * 2);
}
