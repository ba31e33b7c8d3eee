use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixListener;
use trigpoint_mlab::EventKind;
use trigpoint_record::FlowIdPrefix;

use super::*;

/// Far above what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(30);

fn metrics() -> Metrics {
    Metrics::new(&prometheus::Registry::new()).unwrap()
}

/// The line of a Close as M-Lab's server writes it, and its flow's name.
fn close(cookie: u64) -> (String, String) {
    let event = FlowEvent {
        kind: EventKind::Close,
        time: 1_000_000,
        flow_id: FlowIdPrefix::new("host", 1).flow_id(cookie),
        socket: None,
        position: None,
        is_replay: false,
        test_id: None,
    };
    (format!("{}\n", event.to_json()), event.flow_id.to_string())
}

async fn next_flow(reader: &mut Reader) -> String {
    loop {
        match reader.next().await {
            Some(Read::Connected) => {}
            Some(Read::Event(event)) => return event.flow_id.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn garbage_is_counted_and_the_next_line_is_read() {
    let (mut server, stream) = UnixStream::pair().unwrap();
    let metrics = metrics();
    let mut reader = Reader::new(Source::Stream(stream), metrics.clone());
    let (line, flow) = close(7);
    let too_long = "x".repeat(MAX_LINE_BYTES + 100);
    let write = async {
        for line in ["{\n", "\u{0}\n", "\n", &too_long, "\n", &line] {
            server.write_all(line.as_bytes()).await.unwrap();
        }
        server.write_all(&[0xff, 0xfe, b'\n']).await.unwrap();
        server.write_all(line.as_bytes()).await.unwrap();
        drop(server);
    };
    let read = async {
        assert_eq!(next_flow(&mut reader).await, flow);
        assert_eq!(metrics.garbage.get(), 5, "three lines and both parts of a long one");
        assert_eq!(next_flow(&mut reader).await, flow);
        assert_eq!(metrics.garbage.get(), 6);
        assert!(matches!(reader.next().await, Some(Read::CutOff)));
        assert!(reader.next().await.is_none(), "nothing follows a server in this process");
        assert!(!reader.is_connected());
    };
    tokio::join!(write, read);
}

#[tokio::test]
async fn a_line_that_comes_in_pieces_survives_a_reader_who_looks_elsewhere() {
    let (mut server, stream) = UnixStream::pair().unwrap();
    let mut reader = Reader::new(Source::Stream(stream), metrics());
    let (line, flow) = close(7);
    let (start, end) = line.split_at(20);
    let (start, middle) = start.split_at(10);
    let mut written = 0;
    for piece in [start, middle] {
        server.write_all(piece.as_bytes()).await.unwrap();
        written += piece.len();
        let looks = async {
            while reader.line.len() < written {
                tokio::select! {
                    biased;
                    read = reader.next() => panic!("{read:?} before the end of the line"),
                    () = tokio::task::yield_now() => {}
                }
            }
        };
        tokio::time::timeout(DEADLINE, looks).await.expect("a piece is lost");
    }
    server.write_all(end.as_bytes()).await.unwrap();
    assert_eq!(next_flow(&mut reader).await, flow);
}

#[tokio::test]
async fn a_server_that_comes_late_or_again_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.sock");
    let mut reader = Reader::new(Source::Path(path.clone()), metrics());
    for cookie in [1, 2] {
        let (line, flow) = close(cookie);
        let serve = async {
            let listener = UnixListener::bind(&path).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(line.as_bytes()).await.unwrap();
            std::fs::remove_file(&path).unwrap();
        };
        let (read, ()) = tokio::join!(next_flow(&mut reader), serve);
        assert_eq!(read, flow);
        assert!(matches!(reader.next().await, Some(Read::CutOff)));
    }
}

/// What the server has written to a connection it does not write to another one.
#[tokio::test]
async fn a_reader_who_looks_elsewhere_while_it_connects_keeps_the_connection() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("events.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut reader = Reader::new(Source::Path(path), metrics());
    tokio::select! {
        biased;
        _ = reader.next() => {}
        () = async {} => {}
    }
    let (mut server, _) = listener.accept().await.unwrap();
    let (line, flow) = close(7);
    server.write_all(line.as_bytes()).await.unwrap();
    let read = tokio::time::timeout(DEADLINE, next_flow(&mut reader)).await;
    assert_eq!(read.as_ref(), Ok(&flow), "the line was written to another connection");
}
