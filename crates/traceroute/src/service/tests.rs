//! The end of the program, beside a server on the event socket.  Clients on this host
//! are not traced, which is a row as well.

use std::io::Write as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use futures::StreamExt as _;
use tokio::task::{JoinHandle, yield_now};
use trigpoint_mlab::{EventKind, FlowEvent, SockId};
use trigpoint_prober::Method;
use trigpoint_record::FlowIdPrefix;

use super::*;

/// Far above what a loaded machine needs.
const DEADLINE: Duration = Duration::from_mins(1);
const LAME_DUCK: Duration = Duration::from_secs(35);

struct Bench {
    directory: tempfile::TempDir,
    spool: Spool,
    metrics: Metrics,
    shutdown: Shutdown,
    running: JoinHandle<Result<termination::Outcome, Error>>,
}

fn settings(directory: &Path, lame_duck: Duration, collector: Option<Endpoint>) -> Settings {
    Settings {
        events: Source::Path(directory.join("events.sock")),
        tracing: Tracing {
            trigger: Trigger::Close,
            tests_only: false,
            exclude: Exclude::default(),
            skip_private: false,
            max_running: 1,
            max_waiting: 1,
            cache_age: Duration::ZERO,
            engine: engine::Settings {
                trace: trigpoint_multipath::Settings::default(),
                method: Method::UDP,
                prober: trigpoint_prober::Settings::default(),
                probes_per_s: 1,
            },
        },
        admin: None,
        identity: Station::default(),
        spool_directory: directory.join("traces"),
        spool: trigpoint_spool::Settings::default(),
        collector,
        ending: Ending { lame_duck, grace: DEADLINE, flush_deadline: DEADLINE },
    }
}

impl Bench {
    fn start(lame_duck: Duration) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let service = Service::assemble(settings(directory.path(), lame_duck, None)).unwrap();
        let (spool, metrics) = (service.spool.clone(), service.metrics.clone());
        let shutdown = Shutdown::new();
        let running = tokio::spawn(service.run(shutdown.clone()));
        Self { directory, spool, metrics, shutdown, running }
    }

    fn server(&self) -> UnixListener {
        UnixListener::bind(self.directory.path().join("events.sock")).unwrap()
    }

    async fn connected(&self) {
        while self.metrics.connected.get() == 0 {
            yield_now().await;
        }
    }

    /// How many rows it has left behind.
    async fn ended(self) -> u64 {
        self.running.await.unwrap().unwrap();
        self.spool.last_seq()
    }
}

fn line(kind: EventKind, cookie: u64) -> String {
    let event = FlowEvent {
        kind,
        time: 1_000_000,
        flow_id: FlowIdPrefix::new("host", 1).flow_id(cookie),
        socket: Some(SockId {
            local: "127.0.0.1:80".parse().unwrap(),
            remote: "127.0.0.1:5000".parse().unwrap(),
            interface: 0,
            cookie,
        }),
        position: None,
        is_replay: false,
        test_id: None,
    };
    format!("{}\n", event.to_json())
}

fn tell(mut server: &UnixStream, kind: EventKind, cookies: std::ops::Range<u64>) {
    for cookie in cookies {
        server.write_all(line(kind, cookie).as_bytes()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_the_stop_has_its_row() {
    let bench = Bench::start(LAME_DUCK);
    let listener = bench.server();
    bench.connected().await;
    let (server, _) = listener.accept().unwrap();
    tokio::time::advance(2 * QUIET).await;
    tell(&server, EventKind::Close, 0..50);
    tell(&server, EventKind::Open, 50..60);
    // The server is still writing a line.
    (&server).write_all(b"{\"Event\":1,").unwrap();
    bench.shutdown.begin();
    assert_eq!(bench.ended().await, 60);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_before_a_second_signal_has_its_row() {
    let bench = Bench::start(LAME_DUCK);
    let listener = bench.server();
    bench.connected().await;
    let (server, _) = listener.accept().unwrap();
    tell(&server, EventKind::Close, 0..50);
    bench.shutdown.advance(Phase::Flushing);
    assert_eq!(bench.ended().await, 50);
}

/// It had no server for long; the one that comes has accepted nobody yet.
#[tokio::test(start_paused = true)]
async fn a_server_that_was_found_just_before_the_stop_may_tell_what_is_open() {
    let bench = Bench::start(LAME_DUCK);
    yield_now().await;
    let listener = bench.server();
    tokio::time::advance(2 * QUIET).await;
    bench.connected().await;
    bench.shutdown.begin();
    yield_now().await;
    let (server, _) = listener.accept().unwrap();
    tell(&server, EventKind::Open, 0..5);
    drop((server, listener));
    assert_eq!(bench.ended().await, 5);
}

/// The server beside it is told to end as well, and lets sessions be finished.
#[tokio::test(start_paused = true)]
async fn a_client_that_comes_in_the_servers_lame_duck_has_its_row() {
    let bench = Bench::start(LAME_DUCK);
    let listener = bench.server();
    bench.connected().await;
    let (server, _) = listener.accept().unwrap();
    tokio::time::advance(2 * QUIET).await;
    bench.shutdown.begin();
    tokio::time::sleep(2 * QUIET).await;
    tell(&server, EventKind::Close, 0..1);
    drop((server, listener));
    assert_eq!(bench.ended().await, 1);
}

#[tokio::test]
async fn a_server_that_writes_without_end_does_not_hold_it_up() {
    let bench = Bench::start(Duration::from_millis(100));
    let listener = bench.server();
    bench.connected().await;
    let (mut server, _) = listener.accept().unwrap();
    let writing = std::thread::spawn(move || {
        let lines = "{}\n".to_owned() + &line(EventKind::Open, 1).repeat(1000);
        while server.write_all(lines.as_bytes()).is_ok() {}
    });
    while bench.metrics.garbage.get() == 0 {
        yield_now().await;
    }
    bench.shutdown.begin();
    assert_eq!(timeout(DEADLINE, bench.ended()).await, Ok(1));
    writing.join().unwrap();
}

/// Its executable may be refused something else by then, and has to say that and
/// nothing more.
#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_run_yet_looks_for_no_collector() {
    let directory = tempfile::tempdir().unwrap();
    let (pipe, mut incoming) = trigpoint_uplink::pipe();
    let collector = Some(Endpoint::Pipe(pipe));
    let service = Service::assemble(settings(directory.path(), LAME_DUCK, collector)).unwrap();
    // The clock goes on when everything that could be done is done.
    assert!(timeout(DEADLINE, incoming.next()).await.is_err(), "it came");

    let shutdown = Shutdown::new();
    let running = tokio::spawn(service.run(shutdown.clone()));
    assert!(incoming.next().await.is_some());
    shutdown.advance(Phase::Done);
    running.await.unwrap().unwrap();
}
