use prometheus::IntCounter;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

struct Endpoint {
    address: SocketAddr,
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<io::Result<()>>,
}

async fn start() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let registry = Registry::new();
    let tests = IntCounter::new("trigpoint_tests_total", "Tests").unwrap();
    tests.inc();
    registry.register(Box::new(tests)).unwrap();
    let shutdown = Shutdown::new();
    let task = tokio::spawn(serve(listener, Admin { registry, shutdown: shutdown.clone() }));
    Endpoint { address, shutdown, task }
}

async fn request(address: SocketAddr, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let endpoint = start().await;
    let answer = request(endpoint.address, "GET", "/metrics").await;
    assert!(answer.contains("text/plain"), "{answer}");
    assert!(answer.contains("trigpoint_tests_total 1"), "{answer}");
}

#[tokio::test]
async fn readiness_survives_lame_duck_and_ends_with_draining() {
    let endpoint = start().await;
    let status = async |phase: Phase| {
        endpoint.shutdown.advance(phase);
        request(endpoint.address, "GET", "/readyz").await[9..12].to_owned()
    };
    assert_eq!(status(Phase::Running).await, "200");
    assert_eq!(status(Phase::LameDuck).await, "200");
    assert_eq!(status(Phase::Draining).await, "503");
    assert!(request(endpoint.address, "GET", "/livez").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn drain_starts_the_way_out_and_done_ends_the_endpoint() {
    let endpoint = start().await;
    assert!(request(endpoint.address, "GET", "/drain").await.starts_with("HTTP/1.1 405"));
    assert_eq!(endpoint.shutdown.phase(), Phase::Running);
    let answer = request(endpoint.address, "POST", "/drain").await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(answer.ends_with("{\"phase\":\"lame_duck\"}\n"), "{answer}");
    endpoint.shutdown.advance(Phase::Done);
    endpoint.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_process_that_works_no_more_says_so_although_it_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let admin = Admin { registry: Registry::new(), shutdown: Shutdown::new() };
    let liveness = || Err("the watch of Pod is silent for 400 s".to_owned());
    tokio::spawn(serve_watched(listener, admin, liveness));
    let answer = request(address, "GET", "/livez").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("the watch of Pod is silent for 400 s\n"), "{answer}");
}
