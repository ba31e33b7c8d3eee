//! Over TCP: TLS, tokens, and collectors that come and go.

use std::path::PathBuf;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpListener;

use super::*;

fn certificate() -> (String, String) {
    // As every `main` does: the workspace's graph has more than one provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (cert.pem(), signing_key.serialize_pem())
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The files that a station is given.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn remote(&self, uri: &str, ca_pem: Option<&str>, token: Option<&str>) -> Endpoint {
        Endpoint::Remote {
            uri: uri.to_owned(),
            ca_file: ca_pem.map(|text| self.write("ca.pem", text)),
            token_file: token.map(|text| self.write("token", text)),
        }
    }
}

#[tokio::test]
async fn tls_and_a_token_and_the_largest_batch() {
    let (certificate, key) = certificate();
    let (listener, port) = listener().await;
    let mut collector = Collector::on(listener, Some((&certificate, &key)));
    let uri = format!("https://localhost:{port}");
    let files = Files::new();
    let bench = bench(files.remote(&uri, Some(&certificate), Some("secret\n")));
    let payload = vec![7; MAX_PAYLOAD_BYTES];
    bench.spool.append(&"t".repeat(255), &payload).unwrap();
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    assert_eq!(stream.authorization.as_deref(), Some("Bearer secret"));
    stream.welcomed().await;
    // The test's server has tonic's default limit of 4 MiB.
    assert_eq!(stream.next().await, Received::Batch(1, payload));
    stream.ack(1).await;
    uplink.flushed(Duration::from_secs(10)).await.unwrap();
}

#[tokio::test]
async fn a_collector_that_cannot_prove_itself_gets_nothing() {
    let (theirs, key) = certificate();
    let (listener, port) = listener().await;
    let mut collector = Collector::on(listener, Some((&theirs, &key)));
    let (other, _) = certificate();
    let uri = format!("https://localhost:{port}");
    let files = Files::new();
    let bench = bench(files.remote(&uri, Some(&other), Some("secret")));
    bench.append(1);
    let uplink = bench.start();
    status(&uplink, |status| status.failures >= 3).await;
    assert!(!status(&uplink, |_| true).await.connected);
    collector.server.abort();
    let _ = (&mut collector.server).await;
    assert!(!collector.was_reached().await, "a stream with the token was opened");
}

#[tokio::test]
async fn a_collector_that_comes_late_gets_everything() {
    let (listener, port) = listener().await;
    drop(listener);
    let bench = bench(Files::new().remote(&format!("http://127.0.0.1:{port}"), None, None));
    bench.append(5);
    let uplink = bench.start();
    status(&uplink, |status| status.failures >= 3).await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut collector = Collector::on(listener, None);
    let mut stream = collector.accept().await;
    assert_eq!(stream.authorization, None);
    stream.welcomed().await;
    for seq in 1..=5 {
        stream.batch(seq).await;
    }
    stream.ack(5).await;
    uplink.flushed(Duration::from_secs(10)).await.unwrap();
}

/// A projected token lives for an hour, a certificate for a month, and the station
/// for longer.
#[tokio::test]
async fn a_new_token_and_new_authorities_are_taken_up_by_the_next_stream() {
    let (certificate, key) = certificate();
    let (listener, port) = listener().await;
    let mut collector = Collector::on(listener, Some((&certificate, &key)));
    let files = Files::new();
    let uri = format!("https://localhost:{port}");
    let bench = bench(files.remote(&uri, Some(&certificate), Some("the-first")));
    let uplink = bench.start();
    let mut stream = collector.accept().await;
    assert_eq!(stream.authorization.as_deref(), Some("Bearer the-first"));
    stream.welcomed().await;
    status(&uplink, |status| status.connected).await;

    let (certificate, key) = self::certificate();
    collector.server.abort();
    drop(stream);
    status(&uplink, |status| !status.connected).await;
    // In between there may be none at all.
    std::fs::remove_file(files.write("token", "")).unwrap();
    let failures = status(&uplink, |_| true).await.failures;
    status(&uplink, |status| status.failures >= failures + 2).await;
    files.write("ca.pem", &certificate);
    files.write("token", "the-second");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let mut collector = Collector::on(listener, Some((&certificate, &key)));
    let mut stream = collector.accept().await;
    assert_eq!(stream.authorization.as_deref(), Some("Bearer the-second"));
    stream.welcomed().await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let files = Files::new();
    let refused = |uri: &str, ca_pem: Option<&str>, token: Option<&str>| {
        let bench = bench(files.remote(uri, ca_pem, token));
        Uplink::spawn(bench.spool, bench.settings).unwrap_err()
    };
    for uri in ["", "collector:9400", "ftp://collector", "https://", "not a uri"] {
        assert!(matches!(refused(uri, None, None), Error::Uri { .. }), "{uri}");
    }
    let error = refused("http://collector:9400", None, Some("secret"));
    assert!(matches!(error, Error::TokenWithoutTls { .. }));
    let (certificate, _) = certificate();
    let https = "https://collector:9400";
    for token in ["", "se\ncret", "two tokens", "secret\u{7f}"] {
        let error = refused(https, Some(&certificate), Some(token));
        assert!(matches!(error, Error::Token { .. }), "{token:?}");
        assert!(error.to_string().contains("/token` must hold"), "{error}");
        assert!(!error.to_string().contains("cret"), "{error}");
    }
    for pem in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let error = refused(https, Some(pem), None);
        assert!(matches!(error, Error::CertificateAuthority { .. }), "{error}");
    }
    let missing = Endpoint::Remote {
        uri: https.to_owned(),
        ca_file: Some("/nowhere/ca.pem".into()),
        token_file: None,
    };
    let error = missing.check().unwrap_err();
    assert!(error.to_string().contains("cannot read `/nowhere/ca.pem`"), "{error}");
}

#[test]
fn host_and_port_are_those_that_are_connected_to() {
    let told = |uri: &str| Files::new().remote(uri, None, None).host_and_port();
    assert_eq!(told("https://collector.ns.svc:9400").as_deref(), Some("collector.ns.svc:9400"));
    assert_eq!(told("https://collector").as_deref(), Some("collector:443"));
    assert_eq!(told("http://[::1]/").as_deref(), Some("[::1]:80"));
}
