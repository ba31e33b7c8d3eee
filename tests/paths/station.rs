//! A tracer of a station, as nobody, that is told of clients.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use trigpoint_mlab::{EventKind, FlowEvent, SockId};
use trigpoint_record::FlowIdPrefix;
use trigpoint_record::tables::TRACES;
use trigpoint_testkit::lab::{Node, Routers};
use trigpoint_testkit::{Directory, Process, Stream, eventually};

use crate::spool;

const STATION: &str = env!("CARGO_BIN_EXE_trigpoint-station");
/// A hundred traces of sixteen branches share a rate of probes.
const DEADLINE: Duration = Duration::from_mins(5);

const START: Duration = Duration::from_secs(30);

/// How the tracer is asked to trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Its name on the command line.
    pub(crate) algorithm: &'static str,
    /// Of a whole trace.
    pub(crate) failure_probability: f64,
}

/// Traces to each of `targets` at once, as clients whose connections have ended: the
/// rows, in no order.
pub(crate) fn trace(network: &Routers, asked: Asked, targets: &[IpAddr]) -> Vec<Value> {
    let directory = Directory::new();
    let (socket, data) = (directory.join("events.sock"), directory.join("station"));
    let server = UnixListener::bind(&socket).unwrap();
    server.set_nonblocking(true).unwrap();
    let mut nobody = network.source().command("unshare");
    nobody.args(["--user", "--map-user=65534", "--map-group=65534", "--", STATION, "traceroute"]);
    nobody.args(["--listen", "127.0.0.1", "--admin-port", "0", "--trace", "all"]);
    nobody.arg("--event-socket").arg(&socket).arg("--data-dir").arg(&data);
    nobody.args(["--trace-algorithm", asked.algorithm, "--failure-probability"]);
    nobody.arg(asked.failure_probability.to_string());
    // All at once, and each to its own end.
    nobody.arg("--max-traces").arg(targets.len().to_string());
    nobody.args(["--max-probe-rate", "5000", "--grace", "5m"]);
    let tracer = Process::start(&mut nobody);

    // It says where it listens, or why it does not.
    let admin = tracer.line(Stream::Stdout, START, |line| {
        line.split_once("http://").map(|(_, address)| address.to_owned())
    });
    let (mut events, _) =
        eventually(START, "the tracer at the event socket", || server.accept().ok());
    for (target, cookie) in targets.iter().zip(1..) {
        writeln!(events, "{}", closed(*target, cookie).to_json()).unwrap();
    }
    let taken = format!("trigpoint_trace_clients_total {}", targets.len());
    network.source().within(|| {
        eventually(START, "the tracer to have taken its clients on", || {
            metrics(&admin).lines().any(|line| line == taken).then_some(())
        });
    });
    // A server that is gone sends nobody more, so that the tracer may end.
    drop((events, server));
    tracer.stop(DEADLINE).expect_code(0);
    let rows = spool::rows(&data.join("traces"), &TRACES);
    assert_eq!(rows.len(), targets.len());
    rows
}

fn metrics(admin: &str) -> String {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: tracer\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A client's connection is gone.
fn closed(client: IpAddr, cookie: u64) -> FlowEvent {
    let server = if client.is_ipv4() { Routers::v4 } else { Routers::v6 }(Node::Source);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    FlowEvent {
        kind: EventKind::Close,
        time: now.as_micros() as i64,
        flow_id: FlowIdPrefix::new("lab", 1).flow_id(cookie),
        socket: Some(SockId {
            local: SocketAddr::new(server, 443),
            remote: SocketAddr::new(client, 40_000),
            interface: 0,
            cookie,
        }),
        position: None,
        is_replay: false,
        test_id: None,
    }
}
