//! The event socket, read as M-Lab's programs read it.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;
use trigpoint_testkit::{Directory, Process, RawClient, Stream, eventually, opcode};

use super::{DEADLINE, server_with_tests_of};

/// A reader that knows M-Lab's documented format and nothing else.
struct Reader {
    lines: BufReader<UnixStream>,
}

/// What M-Lab's client library gives to a handler.
#[derive(Debug, PartialEq)]
pub(super) enum Told {
    Open { uuid: String, server: String, client: String },
    Close { uuid: String },
}

pub(super) struct Station {
    pub(super) process: Process,
    socket: PathBuf,
    ws: String,
    admin: String,
}

impl Station {
    pub(super) fn start(directory: &Directory) -> Self {
        let socket = directory.join("events.sock");
        // No test ends before its client has done what it does.
        let arguments = ["--event-socket", &socket.to_string_lossy()];
        let mut command = server_with_tests_of("10m", directory, &arguments);
        let process = Process::start(&mut command);
        let address = |scheme: &str| {
            process.line(Stream::Stdout, DEADLINE, |line| {
                let (_, rest) = line.split_once(scheme)?;
                Some(rest.split(['/', ' ']).next()?.to_owned())
            })
        };
        let (ws, admin) = (address("ws://"), address("http://"));
        Self { process, socket, ws, admin }
    }

    fn reader(&self) -> Reader {
        let readers = self.metric("trigpoint_event_readers") + 1;
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let reader = Reader { lines: BufReader::new(stream) };
        // Connecting succeeds before the station has accepted.
        eventually(DEADLINE, "the reader to be served", || {
            (self.metric("trigpoint_event_readers") >= readers).then_some(())
        });
        reader
    }

    pub(super) fn client(&self) -> RawClient {
        RawClient::connect(&format!("ws://{}", self.ws), "download")
    }

    pub(super) fn metric(&self, name: &str) -> u64 {
        metric(&self.admin, name)
    }
}

/// The sum over all labels.
pub(super) fn metric(admin: &str, name: &str) -> u64 {
    let mut stream = TcpStream::connect(admin).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: station\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let values = answer.lines().filter_map(|line| {
        let (metric, value) = line.split_once(' ')?;
        (metric.split('{').next()? == name).then(|| value.parse::<u64>().unwrap())
    });
    values.sum()
}

impl Reader {
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned)
    }

    /// `None` at the end.
    fn next(&mut self) -> Option<Told> {
        self.line().map(|line| told(&line))
    }

    /// The next lines up to the Close of this connection.
    fn until_close(&mut self, wanted: &str) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(told) = self.next() {
            all.push(told);
            if matches!(all.last(), Some(Told::Close { uuid }) if uuid == wanted) {
                break;
            }
        }
        all
    }
}

/// As `encoding/json` of Go reads a line into `eventsocket.FlowEvent`.
fn told(line: &str) -> Told {
    let event: Value = serde_json::from_str(line).unwrap();
    let timestamp = event["Timestamp"].as_str().unwrap();
    assert!(timestamp.starts_with("20") && timestamp.ends_with('Z'), "{timestamp}");
    assert_eq!(&timestamp[10..11], "T");
    let uuid = event["UUID"].as_str().unwrap().to_owned();
    let id = &event["ID"];
    let end = |address: &str, port: &str| {
        assert!(id["Cookie"].is_i64() && id["Interface"].is_u64(), "{line}");
        format!("{}:{}", id[address].as_str().unwrap(), id[port].as_u64().unwrap())
    };
    match event["Event"].as_i64().unwrap() {
        0 => Told::Open { uuid, server: end("SrcIP", "SPort"), client: end("DstIP", "DPort") },
        1 => Told::Close { uuid },
        other => panic!("event {other}"),
    }
}

/// A test that its client ends; its flow as it is told at the opening, and
/// the flow's name.
pub(super) fn run_test(station: &Station, while_running: impl FnOnce(&Told)) -> (Told, String) {
    let mut client = station.client();
    let message = client.await_frame(opcode::TEXT);
    let message: Value = serde_json::from_slice(&message.payload).unwrap();
    let info = &message["ConnectionInfo"];
    let text = |key: &str| info[key].as_str().unwrap().to_owned();
    let open = Told::Open { uuid: text("UUID"), server: text("Server"), client: text("Client") };
    while_running(&open);
    client.send(opcode::CLOSE, &1000_u16.to_be_bytes()).unwrap();
    client.drain().unwrap();
    (open, text("UUID"))
}

#[test]
fn a_reader_of_mlabs_format_sees_each_connection_open_and_close() {
    let directory = Directory::new();
    let station = Station::start(&directory);
    let mut reader = station.reader();
    // One that has read the protocol wrongly; nobody listens to it.
    let mut talker = station.reader();
    talker.lines.get_ref().set_nonblocking(true).unwrap();
    while talker.lines.get_ref().write(&[b'{'; 4096]).is_ok() {}
    talker.lines.get_ref().set_nonblocking(false).unwrap();

    let (open, uuid) = run_test(&station, |open| {
        // Who comes late is told what is open, marked as a repetition.
        let mut late = station.reader();
        let line = late.line().unwrap();
        assert_eq!(told(&line), *open);
        let ours: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ours["Replay"], true);
        assert_eq!(ours["TestID"], ours["UUID"]);
    });
    for reader in [&mut reader, &mut talker] {
        let all = reader.until_close(&uuid);
        assert_eq!(all.len(), 2);
        assert_eq!((&all[0], &all[1]), (&open, &Told::Close { uuid: uuid.clone() }));
    }

    station.process.stop(DEADLINE).expect_code(0);
    assert_eq!(reader.next(), None);
    assert!(!station.socket.exists());
}

#[test]
fn a_reader_that_never_reads_is_cut_off_and_harms_nobody() {
    let directory = Directory::new();
    let station = Station::start(&directory);
    let sleeper = station.reader();
    let mut reader = station.reader();
    let reading = std::thread::spawn(move || {
        let mut lines = Vec::new();
        lines.extend(std::iter::from_fn(|| reader.line()));
        lines
    });
    let mut connections = 0;
    while station.metric("trigpoint_dropped_event_readers_total") == 0 {
        for _ in 0..100 {
            TcpStream::connect(&station.ws).unwrap();
        }
        connections += 100;
        assert!(connections < 100_000, "the reader that never reads is still served");
    }
    let (_, uuid) = run_test(&station, |_| ());
    assert_eq!(station.metric("trigpoint_event_readers"), 1);
    assert_eq!(station.metric("trigpoint_lost_flow_events_total"), 0);
    let finished = station.process.stop(DEADLINE);
    finished.expect_code(0);
    assert_eq!(finished.stderr.matches("did not keep up").count(), 1, "{}", finished.stderr);
    drop(sleeper);

    let lines = reading.join().unwrap();
    let sequences = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["Sequence"].as_u64().unwrap()
    });
    assert!(sequences.eq(1..=lines.len() as u64), "the other reader missed events");
    let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
    for line in &lines {
        match told(line) {
            Told::Open { uuid, .. } => assert!(open.insert(uuid)),
            Told::Close { uuid } => assert!(closed.insert(uuid)),
        }
    }
    assert_eq!(open, closed, "what opened is closed at the end");
    assert!(closed.contains(&uuid));
}
