//! Queries that want more memory than they may have.

use std::fs;
use std::process::Command;

use trigpoint_testkit::run;

use super::{DEADLINE, Service, TRIGPOINT, is_full};

const LIMIT_MIB: u64 = 512;

/// What would take 100 GB each.
const HUNGRY: &[&str] = &[
    // A hash table of a billion long keys: on disk, until that is full or the time is up.
    "SELECT count(*) FROM (SELECT DISTINCT repeat(cast(value AS VARCHAR), 12) \
         FROM generate_series(1, 1000000000))",
    // A sort of as many.
    "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY repeat(cast(value AS VARCHAR), 12)) \
         AS r FROM generate_series(1, 1000000000))",
    // One list of them.
    "SELECT array_agg(repeat(cast(value AS VARCHAR), 12)) FROM generate_series(1, 1000000000)",
    // A join whose smaller side has a hundred million rows.
    "SELECT count(*) FROM generate_series(1, 200000000) a JOIN generate_series(1, 100000000) b \
         ON repeat(cast(a.value AS VARCHAR), 100) = repeat(cast(b.value AS VARCHAR), 100)",
    // One value.
    "SELECT length(repeat('0123456789', 10000000000))",
    "SELECT length(repeat(arrow_cast('0123456789', 'LargeUtf8'), 10000000000))",
    "SELECT array_length(range(1, 12000000000))",
    "SELECT array_length(array_repeat(1, 12000000000))",
];

#[test]
fn queries_that_would_need_100_gb_leave_the_service_within_its_memory() {
    let seconds = if is_full() { "120s" } else { "20s" };
    let limit = format!("{LIMIT_MIB}MiB");
    let service = Service::start(&[
        "--query-memory-total",
        &limit,
        "--query-memory",
        &limit,
        "--query-spill",
        "2GiB",
        "--query-time",
        seconds,
    ]);
    let peak = Peak(service.process.id());
    for sql in HUNGRY {
        let answer = ask(&service, sql);
        answer.expect_code(1);
        println!("{} MiB at most: {}", peak.mib(), answer.stderr.trim());
        let small = ask(&service, "SELECT count(*) FROM speed_tests");
        assert_eq!(small.stdout, "count(*)\n2\n", "after {sql}: {}", small.stderr);
    }
    let mib = peak.mib();
    println!("peak of the service: {mib} MiB, its limit {LIMIT_MIB} MiB");
    assert!(2 * mib < 3 * LIMIT_MIB, "{mib} MiB is more than 1.5 times {LIMIT_MIB} MiB");
    let left = fs::read_dir(service.directory.join("data/spill")).unwrap();
    let files = left.flat_map(|folder| walk(&folder.unwrap().path())).count();
    assert_eq!(files, 0, "files of queries that have ended");
    service.stop();
}

fn ask(service: &Service, sql: &str) -> trigpoint_testkit::Finished {
    let mut command = Command::new(TRIGPOINT);
    command.args(["query", "--format", "csv", sql, "--endpoint", &service.url()]);
    command.arg("--cacert").arg(service.certificate());
    command.arg("--token-file").arg(service.directory.join("token"));
    run(&mut command, DEADLINE)
}

/// Every file below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// The kernel's own maximum of a process's resident memory.
struct Peak(u32);

impl Peak {
    fn mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }
}
