//! Garbage on the port where stations deliver.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use trigpoint_testkit::{Directory, Process, Stream, beside, eventually, run};

use super::{DEADLINE, TRIGPOINT, host, trigpoint};

const TOKEN: &str = "secret-of-lab01-0";
/// RFC 9113 section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn garbage_ends_its_connection_and_the_collector_still_serves_a_station() {
    let directory = Directory::new();
    std::fs::write(directory.join("tokens"), format!("lab01 {TOKEN}\n")).unwrap();
    std::fs::write(directory.join("token"), TOKEN).unwrap();
    let collector = start_collector(&directory);
    let ingest = url(&collector, "https://");

    let hello_of_16_kib: &[u8] = &[0x16, 0x03, 0x01, 0x40, 0x00, 0x01, 0xff, 0xff, 0xff];
    for garbage in [HTTP2_PREFACE, hello_of_16_kib, &vec![0xff; 100_000]] {
        let mut connection = TcpStream::connect(host(&ingest)).unwrap();
        connection.set_read_timeout(Some(DEADLINE)).unwrap();
        // It may be over before all of it is written.
        let _ = connection.write_all(garbage);
        let _ = connection.shutdown(std::net::Shutdown::Write);
        assert_ends(&mut connection);
    }
    // Length, type, flags, stream (RFC 9113 section 4.1): 16 MiB of settings; of
    // headers; a frame of an odd length; then no frame at all.
    for frame in [
        [0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0],
        [0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1],
        [0, 0, 5, 4, 0, 0, 0, 0, 0],
        [0xff; 9],
    ] {
        let mut connection = tls(&directory, &ingest);
        connection
            .write_all(&[HTTP2_PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0], &frame].concat())
            .unwrap();
        let _ = connection.write_all(&vec![0xff; 100_000]);
        assert_ends(&mut connection);
    }

    let station = start_station(&directory, &ingest);
    let ws = url(&station, "ws://");
    run(&mut trigpoint(&["speedtest", &ws, "--quiet"]), DEADLINE).expect_code(0);
    let data = directory.join("collector");
    eventually(DEADLINE, "both tests in the tables", || {
        let sql = "SELECT count(*) AS tests FROM speed_tests";
        let mut query = trigpoint(&["query", "--format", "csv", sql, "--data-dir"]);
        let answer = run(query.arg(&data), DEADLINE);
        answer.expect_code(0);
        (answer.stdout == "tests\n2\n").then_some(())
    });
    station.stop(DEADLINE).expect_code(0);
    collector.stop(DEADLINE).expect_code(0);
}

/// What comes before the end does not matter; that it ends does.
#[track_caller]
fn assert_ends(connection: &mut impl std::io::Read) {
    let mut received = Vec::new();
    if let Err(error) = connection.take(1 << 20).read_to_end(&mut received) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "still open");
    }
    assert!(received.len() < 1 << 20, "no end");
}

fn tls(directory: &Directory, ingest: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let certificate = directory.join("collector/tls/certificate.pem");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(host(ingest)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

fn start_collector(directory: &Directory) -> Process {
    let mut command = trigpoint(&["collector", "--listen", "127.0.0.1:0"]);
    command.args(["--admin-listen", "127.0.0.1:0", "--commit-at-latest", "2s"]);
    command.arg("--data-dir").arg(directory.join("collector"));
    Process::start(command.arg("--token-file").arg(directory.join("tokens")))
}

fn start_station(directory: &Directory, ingest: &str) -> Process {
    let mut command = std::process::Command::new(beside(TRIGPOINT, "trigpoint-station"));
    command.args(["server", "--listen", "127.0.0.1", "--ws-port", "0", "--wss-port", "0"]);
    command.args(["--admin-port", "0", "--test-duration", "1s", "--lame-duck", "0s"]);
    command.args(["--site", "lab01", "--machine", "node-1", "--collector", ingest]);
    command.arg("--collector-ca").arg(directory.join("collector/tls/certificate.pem"));
    command.arg("--token-file").arg(directory.join("token"));
    command.arg("--termination-log").arg(directory.join("termination"));
    Process::start(command.arg("--data-dir").arg(directory.join("station")))
}

/// The first URL with that scheme on stdout, without a path.
fn url(process: &Process, scheme: &str) -> String {
    process.line(Stream::Stdout, DEADLINE, |line| {
        let (_, rest) = line.split_once(scheme)?;
        Some(format!("{scheme}{}", rest.split(['/', ' ']).next()?))
    })
}
