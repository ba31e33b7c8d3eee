//! Both programs in containers as pods have them.

use trigpoint_testkit::Stream;

use crate::container::{BY_DNS, BY_HOSTS, DEADLINE, Extras, Host};

/// As the operator names it in pods.
const STATION: &str = "/usr/bin/trigpoint-station";

#[test]
fn both_programs_say_their_version() {
    let host = Host::new();
    let none = Extras::default();
    for (name, container) in [
        ("trigpoint", host.trigpoint(&["--version"], &none)),
        ("trigpoint-station", host.start(&[STATION, "--version"], &none)),
    ] {
        let finished = container.finished();
        finished.expect_code(0);
        let start = format!("{name} {}", env!("CARGO_PKG_VERSION"));
        assert!(finished.stdout.starts_with(&start), "{}", finished.stdout);
        assert_eq!(finished.stderr, "");
    }
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    let host = Host::new();
    let none = Extras::default();
    let line = host.trigpoint(&["no-such-command"], &none).refusal(64);
    assert!(line.contains("no-such-command"), "{line}");
    // Nobody mounted a volume there.
    let on_root = ["standalone", "--data-dir", "/var/lib/trigpoint"];
    let line = host.trigpoint(&on_root, &none).refusal(64);
    assert!(line.contains("/var/lib/trigpoint"), "{line}");
    assert!(line.contains("Read-only file system"), "{line}");
    let nowhere = ["speedtest", "ws://nowhere.trigpoint.example", "--quiet"];
    let line = host.trigpoint(&nowhere, &none).refusal(1);
    assert!(line.contains("nowhere.trigpoint.example"), "{line}");
}

#[test]
fn a_station_serves_as_nobody_with_no_rights_and_ends_when_told() {
    let host = Host::new();
    let none = Extras::default();
    let mut server = vec![STATION, "server", "--listen", "127.0.0.1", "--data-dir", "/tmp/data"];
    server.extend(["--ws-port", "0", "--wss-port", "0", "--admin-port", "0"]);
    server.extend(["--test-duration", "1s", "--lame-duck", "0s"]);
    let station = host.start(&server, &none);
    let port: u16 = station.process().line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once("ws://127.0.0.1:")?;
        rest.split(['/', ' ']).next()?.parse().ok()
    });

    let status = station.status();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap().split_whitespace().collect::<Vec<_>>()
    };
    assert_eq!(field("Name"), ["trigpoint-station"[..15].to_owned()]);
    assert_eq!(field("Uid"), ["65532"; 4]);
    assert_eq!(field("Gid"), ["65532"; 4]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    // The first process of its namespace, to which signals without a handler do nothing.
    assert_eq!(field("NSpid").last(), Some(&"1"));

    for name in ["localhost", BY_HOSTS, BY_DNS] {
        let url = format!("ws://{name}:{port}");
        let test = host.trigpoint(&["speedtest", &url, "--quiet"], &none).finished();
        test.expect_code(0);
    }
    station.stop().expect_code(0);
}
