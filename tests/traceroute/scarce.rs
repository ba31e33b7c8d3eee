//! A tracer that may open hardly any sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::process::Command;

use trigpoint_testkit::lab::{Behaviour, Node, Routers, Topology, inside};
use trigpoint_testkit::{Directory, Process, Stream, beside, eventually};

use super::crowd::Client;
use super::{DEADLINE, TRIGPOINT};

const CLIENTS: u8 = 20;
/// Enough for the program and for one trace of four branches, and not for two of them.
const OPEN_FILES: u64 = 75;

/// Twenty clients come at once, and the kernel refuses sockets (`EMFILE`): their
/// traces take turns, and none is given up.
#[test]
fn traces_that_have_no_sockets_wait_for_each_other() {
    inside("scarce::traces_that_have_no_sockets_wait_for_each_other", || {
        let network = Routers::new(Topology::hops(&[1, 4, 1]), Behaviour::default());
        let clients: Vec<_> = (1..=CLIENTS).map(|number| Client { number }).collect();
        for client in &clients {
            client.route(&network);
        }
        let directory = Directory::new();
        let socket = directory.join("events.sock");
        let server = UnixListener::bind(&socket).unwrap();
        let mut command = network.source().command(beside(TRIGPOINT, "trigpoint-station"));
        command.args(["traceroute", "--listen", "127.0.0.1", "--admin-port", "0"]);
        command.arg("--event-socket").arg(&socket).arg("--data-dir").arg(directory.join("data"));
        let tracer = Process::start(&mut command);
        let admin = tracer.line(Stream::Stdout, DEADLINE, |line| {
            line.split_once("http://").map(|(_, address)| address.to_owned())
        });
        let metric = |name: &str| network.source().within(|| metric(&admin, name));
        let (mut events, _) = server.accept().unwrap();
        limit_open_files(&tracer);

        for client in &clients {
            writeln!(events, "{}", close(client)).unwrap();
        }
        eventually(DEADLINE, "a trace for each client", || {
            (metric("trigpoint_traces_total{") == u64::from(CLIENTS)).then_some(())
        });
        let complete = "trigpoint_traces_total{cached=\"false\",outcome=\"complete\"}";
        assert_eq!(metric(complete), u64::from(CLIENTS), "{}", tracer.output(Stream::Stderr));
        let shortage = |effect: &str| {
            metric(&format!("trigpoint_trace_socket_shortages_total{{effect=\"{effect}\"}}"))
        };
        assert!(shortage("waited") + shortage("began_again") > 0, "there was no shortage");
        assert_eq!(shortage("gave_up"), 0);
        drop(events);
        let finished = tracer.stop(DEADLINE);
        finished.expect_code(0);
        let refusal = "Too many open files";
        assert!(finished.stderr.contains(refusal), "{}", finished.stderr);
    });
}

/// From now on: at its start it asks for as many as it may have.
fn limit_open_files(process: &Process) {
    let mut prlimit = Command::new("prlimit");
    prlimit.args(["--pid", &process.id().to_string()]);
    let limited = prlimit.arg(format!("--nofile={OPEN_FILES}:{OPEN_FILES}")).status().unwrap();
    assert!(limited.success(), "prlimit: {limited}");
}

/// The end of a test, as our server tells it.
fn close(client: &Client) -> String {
    let uuid = format!("host_1_{:016X}", client.number);
    let (server, address) = (Routers::v4(Node::Source), client.address());
    format!(
        r#"{{"Event":1,"Timestamp":"2026-11-26T12:00:00Z","UUID":"{uuid}","ID":{{"SPort":80,"DPort":5000,"SrcIP":"{server}","DstIP":"{address}","Interface":0,"Cookie":{}}},"TestID":"{uuid}"}}"#,
        client.number
    )
}

/// The sum of the values whose names begin so.
fn metric(admin: &str, name: &str) -> u64 {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let of_name = answer.lines().filter(|line| line.starts_with(name));
    of_name.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}
