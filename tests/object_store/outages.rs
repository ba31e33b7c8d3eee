//! A store that fails for a while: stations go on, the collector says what it
//! waits for, and afterwards every row is there, once.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use trigpoint_testkit::{Gate, Process, Stream, Traffic};

use super::{Bench, DEADLINE, ingest, speedtest};

const WAITING: &str = "commit failed, waiting for the store";

/// How long the store fails at least: ten minutes in the proof, and in its
/// short form until the collector has noticed.
fn outage() -> Duration {
    let is_full = std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full");
    if is_full { Duration::from_mins(10) } else { Duration::ZERO }
}

/// Tests before, during and after an outage, which `fail` starts and `heal` ends.
fn survives(bench: &mut Bench, gate: &Gate, fail: impl Fn(&mut Bench), heal: impl Fn(&mut Bench)) {
    let mut collector = bench.collector("collector", "127.0.0.1:0", gate.address());
    // A store that hangs is given up soon, so that the short form is short.
    let collector = Process::start(collector.env("AWS_TIMEOUT", "3 seconds"));
    let station = bench.station("station", ("collector", &ingest(&collector)));
    speedtest(&station);
    bench.expect_exactly(2);

    fail(bench);
    let (started, mut tests) = (Instant::now(), 2);
    loop {
        speedtest(&station);
        tests += 2;
        if started.elapsed() >= outage() {
            break;
        }
    }
    collector.line(Stream::Stderr, DEADLINE, |line| line.contains(WAITING).then_some(()));
    heal(bench);
    speedtest(&station);
    bench.expect_exactly(tests + 2);

    station.stop(DEADLINE).expect_code(0);
    let log = collector.stop(DEADLINE);
    log.expect_code(0);
    let (waiting, other): (Vec<_>, Vec<_>) = log
        .stderr
        .lines()
        .filter(|line| line.contains(" ERROR ") || line.contains(" WARN "))
        .partition(|line| line.contains(WAITING));
    assert!(!waiting.is_empty() && other.is_empty(), "{}", log.stderr);
    assert!(log.stderr.contains("commits succeed again"), "{}", log.stderr);
}

fn answers(status: u16) {
    let mut bench = Bench::new();
    let gate = Gate::before(&bench.s3, Traffic::Passes);
    let fail = |_: &mut Bench| gate.set(Traffic::Fails(status));
    survives(&mut bench, &gate, fail, |_| gate.set(Traffic::Passes));
}

#[test]
fn a_store_that_answers_500_for_a_while() {
    answers(500);
}

#[test]
fn a_store_that_answers_503_for_a_while() {
    answers(503);
}

#[test]
fn a_store_that_is_killed_and_comes_back() {
    let mut bench = Bench::new();
    let gate = Gate::before(&bench.s3, Traffic::Passes);
    survives(&mut bench, &gate, |bench| bench.s3.kill(), |bench| bench.s3.start_again());
}

/// Requests that were given up lie in its sockets, and take effect when it goes on.
#[test]
fn a_store_that_hangs_and_goes_on() {
    let mut bench = Bench::new();
    let gate = Gate::before(&bench.s3, Traffic::Passes);
    let fail = |bench: &mut Bench| bench.s3.process().signal(Signal::STOP);
    survives(&mut bench, &gate, fail, |bench| bench.s3.process().signal(Signal::CONT));
}
