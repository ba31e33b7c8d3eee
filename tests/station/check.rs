//! `--check-config`: what a probe pod says about a node before a station is released
//! for its image.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use trigpoint_crd::node::Facts;
use trigpoint_testkit::{Directory, Finished, Process, Stream, run};

use super::{DEADLINE, server};

/// The server's container as a probe pod has it: the station's own, and one
/// variable more.
fn probe(directory: &Directory, arguments: &[&str]) -> Finished {
    let mut command = server(directory, arguments);
    command.env("TRIGPOINT_CHECK_CONFIG", "true");
    command.arg("--termination-log").arg(directory.join("termination"));
    run(&mut command, DEADLINE)
}

fn message(directory: &Directory) -> String {
    std::fs::read_to_string(directory.join("termination")).unwrap()
}

fn collector() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    (listener, uri)
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let directory = Directory::new();
    let checked = run(&mut server(&directory, &["--check-config"]), DEADLINE);
    checked.expect_code(0);
    assert!(checked.stdout.contains("the configuration is good"), "{checked:?}");
    let kept: Vec<_> = std::fs::read_dir(directory.join("station")).unwrap().collect();
    assert_eq!(kept.len(), 1, "the certificate alone: {kept:?}");
}

#[test]
fn a_probe_leaves_facts_about_its_node() {
    let directory = Directory::new();
    let (_listener, uri) = collector();
    probe(&directory, &["--collector", &uri]).expect_code(0);
    let text = message(&directory);
    assert!(text.len() <= 4096 && text.lines().count() == 1, "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    let facts: Facts = serde_json::from_value(told.clone()).unwrap();
    assert_eq!(serde_json::to_value(&facts).unwrap(), told, "a fact was not understood");

    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(facts.kernel.as_deref(), Some(read("/proc/sys/kernel/osrelease").trim()));
    let default = read("/proc/sys/net/ipv4/tcp_congestion_control");
    assert!(facts.congestion_controls.iter().any(|name| name == default.trim()), "{text}");
    assert_eq!(facts.ipv4, Some(true), "its collector is there");
    assert!(facts.measured_at.is_some());
}

/// It measures without one: whether it is reached is a fact, not a failure.
#[test]
fn a_collector_that_is_not_there_is_told() {
    let directory = Directory::new();
    let (listener, uri) = collector();
    drop(listener);
    probe(&directory, &["--collector", &uri]).expect_code(0);
    let facts: Facts = serde_json::from_str(&message(&directory)).unwrap();
    assert_eq!(facts.ipv4, Some(false));
}

#[test]
fn a_station_may_run_on_the_same_ports_and_directory() {
    let directory = Directory::new();
    let station = Process::start(&mut server(&directory, &[]));
    let port = station.line(Stream::Stdout, DEADLINE, |line| {
        line.split_once("ws://").map(|(_, address)| address.rsplit(':').next().unwrap().to_owned())
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_trigpoint-station"));
    command.args(["server", "--check-config", "--listen", "127.0.0.1", "--ws-port", &port]);
    command.arg("--data-dir").arg(directory.join("station"));
    run(&mut command, DEADLINE).expect_code(0);
    station.stop(DEADLINE).expect_code(0);
}

/// Each is a Secret or ConfigMap that is not there, or not what it should be.
#[test]
fn what_would_keep_it_from_starting_is_said_in_a_line() {
    let directory = Directory::new();
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (token, two_tokens) = (file("token", "a-token\n"), file("two", "a-token another\n"));
    let no_certificate = file("ca.pem", "none\n");
    let uri = "https://collector.example:9400";
    for (arguments, expected) in [
        (
            &["--collector", uri, "--token-file", "/nowhere/token"][..],
            "cannot read `/nowhere/token`",
        ),
        (
            &["--collector", uri, "--token-file", &two_tokens],
            "must hold one token and nothing else",
        ),
        (&["--collector", uri, "--collector-ca", &no_certificate], "no usable certificate in"),
        (&["--collector", "collector:9400"], "is no address of a collector"),
        (&["--collector", "http://collector:9400", "--token-file", &token], "without TLS"),
        (&["--congestion-control", "nothing"], "cannot use congestion control `nothing`"),
        (&["--tls-cert", "/nowhere/tls.crt", "--tls-key", "/nowhere/tls.key"], "/nowhere/tls.crt"),
    ] {
        let refused = probe(&directory, arguments);
        refused.expect_code(64);
        assert!(refused.stderr.contains(expected), "{arguments:?}: {}", refused.stderr);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
        assert!(!Path::new(&directory.join("termination")).exists(), "no facts of a failure");
    }
}
