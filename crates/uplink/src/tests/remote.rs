//! Over TCP: TLS, tokens, and collectors that come and go.

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

fn remote(uri: &str, ca_pem: Option<&str>, token: Option<&str>) -> Endpoint {
    Endpoint::Remote {
        uri: uri.to_owned(),
        ca_pem: ca_pem.map(str::to_owned),
        token: token.map(str::to_owned),
    }
}

#[tokio::test]
async fn tls_and_a_token_and_the_largest_batch() {
    let (certificate, key) = certificate();
    let (listener, port) = listener().await;
    let mut collector = Collector::on(listener, Some((&certificate, &key)));
    let uri = format!("https://localhost:{port}");
    let bench = bench(remote(&uri, Some(&certificate), Some("secret\n")));
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
    let bench = bench(remote(&uri, Some(&other), Some("secret")));
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
    let bench = bench(remote(&format!("http://127.0.0.1:{port}"), None, None));
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

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let refused = |endpoint| {
        let bench = bench(endpoint);
        Uplink::spawn(bench.spool, bench.settings).unwrap_err()
    };
    for uri in ["", "collector:9400", "ftp://collector", "https://", "not a uri"] {
        assert!(matches!(refused(remote(uri, None, None)), Error::Uri { .. }), "{uri}");
    }
    let error = refused(remote("http://collector:9400", None, Some("secret")));
    assert!(matches!(error, Error::TokenWithoutTls { .. }));
    assert!(!error.to_string().contains("secret"));
    let (certificate, _) = certificate();
    let https = "https://collector:9400";
    let error = refused(remote(https, Some(&certificate), Some("se\ncret")));
    assert!(matches!(error, Error::Token));
    for pem in
        ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        assert!(matches!(refused(remote(https, Some(pem), None)), Error::CertificateAuthority));
    }
}

#[test]
fn a_token_is_not_printed() {
    let endpoint = remote("https://collector:9400", None, Some("secret"));
    assert!(!format!("{endpoint:?}").contains("secret"));
}
