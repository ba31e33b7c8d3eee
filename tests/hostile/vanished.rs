//! Clients whose line is cut: no FIN and no RST ever comes.

use std::time::Duration;

use trigpoint_testkit::lab::{Link, inside};
use trigpoint_testkit::{Directory, Process, Standalone, Stream, eventually, run};

use super::{DEADLINE, TRIGPOINT, host};

const SILENT: u64 = 20;

#[test]
fn half_open_connections_end_and_have_rows() {
    inside("vanished::half_open_connections_end_and_have_rows", || {
        let link = Link::new(None);
        let directory = Directory::new();
        let server = Link::SERVER_V4.to_string();
        let station = Standalone::start_with(
            link.server.command(TRIGPOINT),
            TRIGPOINT,
            &directory,
            &["--listen", &server],
        );
        let mut silent = link.client.command("bash");
        let address = host(station.ws()).replace(':', "/");
        let script = format!(
            "for i in {{1..{SILENT}}}; do exec {{fd}}<>/dev/tcp/{address}; done; echo all; sleep 600"
        );
        let silent = Process::start(silent.args(["-c", &script]));
        silent.line(Stream::Stdout, DEADLINE, |line| (line == "all").then_some(()));
        let mut client = link.client.command(TRIGPOINT);
        let client = Process::start(client.args(["speedtest", station.ws(), "--only", "download"]));
        let running = |line: &str| line.starts_with("download").then_some(());
        client.line(Stream::Stderr, DEADLINE, running);
        link.cut();

        let sql = "SELECT count(*) AS rows, count(DISTINCT remote_port) AS ports FROM flows \
                   WHERE remote_ip = '192.0.2.2'";
        eventually(DEADLINE, "a row for every connection", || {
            let row = station.query(sql).swap_remove(0);
            assert_eq!(row["rows"], row["ports"], "one row each");
            (row["rows"] == SILENT + 1).then_some(())
        });
        let tests = station.query("SELECT end_reason FROM speed_tests");
        assert_eq!(tests.len(), 1);
        let reason = tests[0]["end_reason"].as_str().unwrap();
        assert!(["connection_lost", "timed_out"].contains(&reason), "{reason}");

        let mut beside = link.server.command(TRIGPOINT);
        beside.args(["speedtest", station.ws(), "--only", "upload"]);
        run(&mut beside, Duration::from_mins(1)).expect_code(0);
        drop((silent, client));
        station.stop();
    });
}
