//! What cannot work is said in one line before anything is bound
//! (`tests/standalone.rs` has the cases of `trigpoint standalone`).

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use trigpoint_testkit::{Directory, beside, run};

use super::{DEADLINE, TRIGPOINT, trigpoint};

#[track_caller]
fn assert_refused(command: &mut Command, code: i32, parts: &[&str]) {
    let finished = run(command, DEADLINE);
    finished.expect_code(code);
    assert_eq!(finished.stdout, "", "nothing is announced that does not run");
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    for part in parts {
        assert!(finished.stderr.contains(part), "`{part}` is not in: {}", finished.stderr);
    }
}

fn collector(directory: &Directory) -> Command {
    let mut command = trigpoint(&["collector", "--data-dir"]);
    command.arg(directory.join("data")).arg("--token-file").arg(directory.join("tokens"));
    command
}

#[test]
fn a_directory_that_cannot_be_made() {
    // Nobody can write here, not even root, who may read any directory.
    let directory = "/proc/trigpoint";
    assert_refused(&mut trigpoint(&["standalone", "--data-dir", directory]), 64, &[directory]);
    let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    station.args(["server", "--data-dir", directory]);
    assert_refused(&mut station, 64, &[directory]);
    let tokens = Directory::new();
    std::fs::write(tokens.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
    let mut collector = trigpoint(&["collector", "--data-dir", directory, "--token-file"]);
    assert_refused(collector.arg(tokens.join("tokens")), 64, &[directory]);
}

/// Root may read any directory, but not from a user namespace that knows nobody
/// (user_namespaces(7)): there the owner's permissions count, and there are none.
#[test]
fn a_directory_that_must_not_be_read() {
    let directory = Directory::new();
    let tokens = directory.join("tokens");
    std::fs::write(&tokens, "lab01 secret-of-lab01-0\n").unwrap();
    let closed = directory.join("closed");
    std::fs::create_dir(&closed).unwrap();
    let permit = |mode| std::fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
    permit(0o000);
    let station = beside(TRIGPOINT, "trigpoint-station");
    for (executable, arguments) in [
        (Path::new(TRIGPOINT), &["standalone"][..]),
        (Path::new(TRIGPOINT), &["query", "SELECT 1"]),
        (Path::new(TRIGPOINT), &["collector", "--token-file", tokens.to_str().unwrap()]),
        (&station, &["server"]),
    ] {
        let mut command = Command::new("unshare");
        command.arg("--user").arg(executable).args(arguments).arg("--data-dir").arg(&closed);
        let named = closed.to_string_lossy();
        assert_refused(&mut command, 64, &[&named, "ermission denied"]);
    }
    permit(0o700);
}

/// A port that is taken would be an error of its own, with exit code 1.
#[test]
fn a_wrong_setting_is_said_before_any_port_is_tried() {
    let directory = Directory::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let wrong = ["--congestion-control", "no-such", "--listen", "127.0.0.1"];
    let mut standalone = trigpoint(&["standalone", "--ws-port", &port, "--data-dir"]);
    assert_refused(standalone.arg(directory.join("data")).args(wrong), 64, &["no-such"]);
    let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    station.args(["server", "--ws-port", &port, "--admin-port", &port, "--data-dir"]);
    assert_refused(station.arg(directory.join("station")).args(wrong), 64, &["no-such"]);
    let mut collector = collector(&directory);
    collector.args(["--listen", &address, "--admin-listen", &address]);
    assert_refused(&mut collector, 64, &["tokens"]);
}

#[test]
fn wrong_token_files() {
    let directory = Directory::new();
    assert_refused(&mut collector(&directory), 64, &["tokens"]);
    for text in ["", "lab01\n", "lab01 short\n", "a secret-of-lab01-0\nb secret-of-lab01-0\n"] {
        std::fs::write(directory.join("tokens"), text).unwrap();
        assert_refused(&mut collector(&directory), 64, &["token"]);
    }
}

#[test]
fn a_certificate_that_is_none() {
    let directory = Directory::new();
    let garbage = directory.join("garbage.pem");
    std::fs::write(&garbage, "garbage").unwrap();
    std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
    for mut command in [trigpoint(&["standalone", "--data-dir"]), {
        let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
        station.args(["server", "--data-dir"]);
        station
    }] {
        command.arg(directory.join("data"));
        command.arg("--tls-cert").arg(&garbage).arg("--tls-key").arg(&garbage);
        assert_refused(&mut command, 64, &["garbage.pem"]);
    }
    let mut command = collector(&directory);
    command.arg("--tls-cert").arg(&garbage).arg("--tls-key").arg(&garbage);
    assert_refused(&mut command, 64, &["garbage.pem"]);
}

#[test]
fn a_port_in_use() {
    let directory = Directory::new();
    std::fs::write(directory.join("tokens"), "lab01 secret-of-lab01-0\n").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port = address.port().to_string();
    let mut command = collector(&directory);
    command.args(["--listen", &address.to_string(), "--admin-listen", "127.0.0.1:0"]);
    assert_refused(&mut command, 1, &[&port, "in use"]);
    let mut command = collector(&directory);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", &address.to_string()]);
    assert_refused(&mut command, 1, &[&port, "in use"]);
    // Nobody is there: an uplink that looked would say so.
    let uplink = ["--collector", "http://127.0.0.1:1"];
    let mut tracer = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    tracer.args(["traceroute", "--listen", "127.0.0.1", "--admin-port", &port]).args(uplink);
    tracer.arg("--event-socket").arg(directory.join("events.sock"));
    tracer.arg("--data-dir").arg(directory.join("station"));
    assert_refused(&mut tracer, 1, &[&port, "in use"]);
    for taken in ["--ws-port", "--wss-port", "--admin-port"] {
        let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
        station.args(["server", "--listen", "127.0.0.1", "--data-dir"]);
        station.arg(directory.join("station")).args(uplink);
        for option in ["--ws-port", "--wss-port", "--admin-port"] {
            station.args([option, if option == taken { &port } else { "0" }]);
        }
        assert_refused(&mut station, 1, &[&port, "in use"]);
    }
}
