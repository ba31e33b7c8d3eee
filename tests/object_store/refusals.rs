//! Stores that no collector may start on: one line, and nothing is served.

use std::process::Command;

use trigpoint_testkit::{Gate, Process, S3, Traffic, run};

use super::{Bench, DEADLINE, TRIGPOINT, ingest};

/// Runs a program that must refuse to start; its one line on stderr.
fn refusal(command: &mut Command) -> String {
    let finished = run(command, DEADLINE);
    finished.expect_code(1);
    assert_eq!(finished.stdout, "", "something was bound");
    let lines: Vec<_> = finished.stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].len() < 500, "{}", finished.stderr);
    lines[0].to_owned()
}

fn standalone(bench: &Bench, gate: &Gate) -> Command {
    let mut command = bench.trigpoint(gate.address(), &["standalone"]);
    command.args(["--ws-port", "0", "--wss-port", "0"]);
    command.arg("--data-dir").arg(bench.directory.join("data"));
    command
}

#[test]
fn a_store_that_ignores_put_if_absent_is_refused_and_left_clean() {
    let bench = Bench::new();
    let gate = Gate::before(&bench.s3, Traffic::Overwrites);
    for mut command in
        [bench.collector("collector", "127.0.0.1:0", gate.address()), standalone(&bench, &gate)]
    {
        let line = refusal(&mut command);
        assert!(line.contains("s3://lake/tables/") && line.contains("put-if-absent"), "{line}");
    }
    let left = std::fs::read_dir(bench.s3.bucket().join("tables")).map(Iterator::count);
    assert_eq!(left.unwrap_or_default(), 0, "the probe object stays behind");
    // The gate alone is no reason.
    gate.set(Traffic::Passes);
    ingest(&Process::start(&mut bench.collector("collector", "127.0.0.1:0", gate.address())));
}

#[test]
fn refused_credentials_are_said_in_one_line() {
    let bench = Bench::new();
    for (name, value, reason) in [
        ("AWS_SECRET_ACCESS_KEY", "wrong-secret-key", "the credentials are refused: "),
        ("AWS_ACCESS_KEY_ID", "nobodys-key", "No user exists with the provided access key ID."),
    ] {
        let mut collector = bench.collector("collector", "127.0.0.1:0", bench.s3.address());
        let line = refusal(collector.env(name, value));
        let expected = "error: cannot write to the lake at s3://lake/tables/: ";
        assert!(line.starts_with(expected) && line.contains(reason), "{line}");
    }
    let mut query = bench.trigpoint(bench.s3.address(), &["query", "SELECT 1 FROM flows"]);
    let line = refusal(query.env("AWS_SECRET_ACCESS_KEY", "wrong-secret-key"));
    assert!(line.ends_with("Check your key and signing method."), "{line}");
}

#[test]
fn a_bucket_that_is_not_there_is_said_in_one_line() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.s3.bucket()).unwrap();
    let mut collector = bench.collector("collector", "127.0.0.1:0", bench.s3.address());
    let line = refusal(&mut collector);
    let expected = "error: cannot write to the lake at s3://lake/tables/: ";
    assert!(line.starts_with(expected) && line.contains("bucket does not exist"), "{line}");
}

#[test]
fn a_store_that_nobody_reaches_is_said_in_one_line() {
    let mut bench = Bench::new();
    bench.s3.kill();
    let endpoint = bench.s3.address();
    let line = refusal(&mut bench.collector("collector", "127.0.0.1:0", endpoint));
    assert!(line.contains("onnection refused"), "{line}");
}

#[test]
fn a_location_that_makes_no_sense_is_bad_usage() {
    let bench = Bench::new();
    let environment = S3::environment(bench.s3.address());
    for location in ["ftp://lake/tables", "s3://", "s3://key:secret@lake/tables"] {
        let mut query = Command::new(TRIGPOINT);
        query.args(["query", "SELECT 1", "--lake", location]).envs(environment.clone());
        let finished = run(&mut query, DEADLINE);
        finished.expect_code(64);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        assert!(!finished.stderr.contains("secret"), "{}", finished.stderr);
    }
}
