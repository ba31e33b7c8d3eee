//! What cannot work is said in one line before anything is bound
//! (`tests/standalone.rs` has the cases of `trigpoint standalone`).

use std::net::TcpListener;
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
fn a_directory_that_cannot_be_made_or_read() {
    // Nobody can write here, not even root, who may read any directory.
    let directory = "/proc/trigpoint";
    assert_refused(&mut trigpoint(&["standalone", "--data-dir", directory]), 64, &[directory]);
    let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    station.args(["server", "--data-dir", directory]);
    assert_refused(&mut station, 64, &[directory]);
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
    let mut station = Command::new(beside(TRIGPOINT, "trigpoint-station"));
    station.args(["server", "--listen", "127.0.0.1", "--ws-port", &port, "--wss-port", "0"]);
    station.args(["--admin-port", "0", "--data-dir"]).arg(directory.join("station"));
    assert_refused(&mut station, 1, &[&port, "in use"]);
}
