//! Queries that want more memory than they may have, of every kind of operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use trigpoint_testkit::run;

use super::{DEADLINE, Service, TRIGPOINT, is_full};

const LIMIT_MIB: u64 = 256;

/// What each would take if it could: 100 GB and more; and what it is refused with at
/// least, where no disk helps and it takes no longer than a moment.
const HUNGRY: &[(&str, &str, &str)] = &[
    ("array_agg of texts, which counts 16 bytes of each", "SELECT array_agg(WIDE) FROM MANY", ""),
    (
        "GROUP BY of texts",
        "SELECT count(*) FROM (SELECT TEXT AS k, max(value) FROM MANY GROUP BY 1)",
        "",
    ),
    (
        "hash join",
        "SELECT count(*) FROM (SELECT WIDE AS t FROM MANY) a \
         JOIN (SELECT WIDE AS t FROM generate_series(1, 100000000)) b ON a.t = b.t",
        "needs more than it may take",
    ),
    ("ORDER BY with a large LIMIT", "SELECT WIDE AS s FROM MANY ORDER BY s LIMIT 1000000", ""),
    (
        "window of everything, which asks no pool",
        "SELECT max(length(s) + c) FROM (SELECT WIDE AS s, count(*) OVER () AS c FROM MANY)",
        "the process has grown by more",
    ),
    (
        "a constant on each row",
        "SELECT max(s || cast(value AS VARCHAR)) \
         FROM (SELECT repeat('x', 1000000) AS s, value FROM MANY)",
        "stands on every row",
    ),
];

const HUNGRY_TOO: &[(&str, &str, &str)] = &[
    (
        "array_agg in groups",
        "SELECT sum(n) FROM (SELECT value % 10 AS k, array_length(array_agg(TEXT)) AS n \
         FROM MANY GROUP BY 1)",
        "",
    ),
    ("array_agg in order", "SELECT array_agg(value ORDER BY -value) FROM MANY", ""),
    ("string_agg", "SELECT length(string_agg(TEXT, ',')) FROM MANY", ""),
    ("count(DISTINCT)", "SELECT count(DISTINCT TEXT) FROM MANY", ""),
    ("ORDER BY of wide rows", "SELECT value, WIDE AS s FROM MANY ORDER BY s DESC", ""),
    ("nested loop", "SELECT count(*) FROM MANY a JOIN MANY b ON a.value * b.value % 7 = 9", ""),
    (
        "cross join with LIMIT",
        "SELECT a.value, repeat('x', 1000) FROM MANY a CROSS JOIN MANY b LIMIT 10",
        "",
    ),
    (
        "lag over many rows",
        "SELECT max(length(c)) FROM (SELECT lag(TEXT, 100000000) OVER () AS c FROM MANY)",
        "",
    ),
    (
        "approx_quantiles in a million groups",
        "SELECT count(q) FROM (SELECT value % 1000000 AS k, approx_quantiles(value, 100) AS q \
         FROM MANY GROUP BY 1)",
        "",
    ),
    ("median", "SELECT median(value) FROM MANY", ""),
    (
        "recursion",
        "WITH RECURSIVE t AS (SELECT value AS n FROM generate_series(1, 1000) UNION ALL \
         SELECT n * 2 FROM t CROSS JOIN generate_series(1, 1000)) SELECT max(n) FROM t",
        "",
    ),
    (
        "doubling",
        "WITH RECURSIVE t AS (SELECT 1 AS n, 'x' AS s UNION ALL SELECT n + 1, s || s FROM t \
         WHERE n < 60) SELECT max(length(s)) FROM t",
        "",
    ),
    ("one text", "SELECT length(repeat('0123456789', 10000000000))", "at once"),
    ("one list", "SELECT array_length(range(1, 12000000000))", "at once"),
];

const MANY: &str = "generate_series(1, 1000000000)";
const TEXT: &str = "repeat(cast(value AS VARCHAR), 12)";
const WIDE: &str = "repeat(cast(value AS VARCHAR), 100)";

/// Of those that they do not answer, what the service says.
const CLEAR: [&str; 2] = ["the query needs more than it may take (", "took longer than"];

#[test]
fn queries_that_would_need_100_gb_leave_the_service_within_its_memory() {
    let (seconds, more) = if is_full() { ("60s", HUNGRY_TOO) } else { ("5s", &[][..]) };
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
    let few = "SELECT count(*) FROM speed_tests";
    assert_eq!(ask(&service, few).stdout, "count(*)\n2\n");
    let idle = peak.mib();
    println!("{idle} MiB at rest");
    for (kind, sql, words) in HUNGRY.iter().chain(more) {
        peak.forget();
        let sql = sql.replace("TEXT", TEXT).replace("WIDE", WIDE).replace("MANY", MANY);
        let answer = ask(&service, &sql);
        let refusal = answer.stderr.trim();
        let mib = peak.mib().saturating_sub(idle);
        println!("{mib} MiB: {kind}: {} {refusal}", answer.stdout.len());
        let is_clear = CLEAR.iter().any(|words| refusal.contains(words));
        assert!(answer.status.success() || is_clear, "{kind}: {refusal}");
        assert!(refusal.contains(words), "{kind}: {refusal}");
        assert!(
            2 * mib < 3 * LIMIT_MIB,
            "{kind}: {mib} MiB is more than 1.5 times {LIMIT_MIB} MiB"
        );
        let small = ask(&service, few);
        assert_eq!(small.stdout, "count(*)\n2\n", "after {kind}: {}", small.stderr);
    }
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
fn walk(folder: &Path) -> Vec<PathBuf> {
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

    /// Begins anew (proc_pid_clear_refs(5)).
    fn forget(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").unwrap();
    }
}
