//! Tests that prove to be the operator's own.

use std::time::{SystemTime, UNIX_EPOCH};

use trigpoint_access_token::{Claims, Purpose, SigningKey, sign};
use trigpoint_websocket::Opcode;

use super::Running;
use super::client::{Client, UPGRADE};
use super::rows::texts;
use crate::Synthetic;

/// RFC 8032, section 7.1, test 1.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";
const POD: &str = "edge-0123456789-x7k2p";

fn token(audience: &str, valid_s: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = Claims {
        purpose: Purpose::SyntheticTest,
        audience: audience.to_owned(),
        expires_s: now + valid_s,
    };
    sign(&SigningKey::from_pem(PRIVATE).unwrap(), &claims)
}

fn station() -> (Running, tempfile::TempDir) {
    let keys = tempfile::tempdir().unwrap();
    let key_file = keys.path().join("key.pem");
    std::fs::write(&key_file, PUBLIC).unwrap();
    let station = Running::start_with(|settings| {
        settings.synthetic = Some(Synthetic { key_file, audience: POD.to_owned() });
    });
    (station, keys)
}

/// The status of the answer; a test that is agreed on is closed at once.
async fn ask(station: &Running, target: &str, token: Option<&str>) -> String {
    let mut client = Client::connect(station.ws).await;
    let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
    let head = client.request(target, &(bearer.unwrap_or_default() + UPGRADE)).await;
    if head.starts_with("HTTP/1.1 101 ") {
        client.send_frame(true, Opcode::Close, &1000_u16.to_be_bytes()).await;
        client.close().await;
    }
    head[9..12].to_owned()
}

#[tokio::test]
async fn a_token_marks_a_test_and_a_query_string_does_not() {
    let (station, _keys) = station();
    let upload = "/ndt/v7/upload";
    assert_eq!(ask(&station, upload, Some(&token(POD, 60))).await, "101");
    let claimed = "/ndt/v7/upload?client_name=trigpoint-synthetic";
    assert_eq!(ask(&station, claimed, None).await, "101");
    let named = "/ndt/v7/upload?client_name=somebody";
    assert_eq!(ask(&station, named, None).await, "101");
    assert_eq!(ask(&station, named, Some(&token(POD, 60))).await, "101");
    let (spool, _directory) = station.stop().await;
    assert_eq!(texts(&spool, "speed_tests", "direction").len(), 4);
    let mut names = texts(&spool, "speed_tests", "client_name");
    // An absent name is an empty text, or not there at all.
    names.retain(|name| !name.is_empty());
    names.sort();
    assert_eq!(names, ["somebody", "trigpoint-synthetic", "trigpoint-synthetic"]);
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused() {
    let (station, keys) = station();
    let upload = "/ndt/v7/upload";
    for token in ["garbage", &token("another-pod", 60), &token(POD, 0)] {
        assert_eq!(ask(&station, upload, Some(token)).await, "401", "{token}");
    }
    std::fs::remove_file(keys.path().join("key.pem")).unwrap();
    assert_eq!(ask(&station, upload, Some(&token(POD, 60))).await, "401", "no key");
    assert_eq!(ask(&station, upload, None).await, "101", "others are not concerned");
    station.stop().await;
}

/// A proxy may add credentials of its own.
#[tokio::test]
async fn a_station_without_a_key_looks_at_no_token() {
    let station = Running::start();
    assert_eq!(ask(&station, "/ndt/v7/upload", Some("garbage")).await, "101");
    station.stop().await;
}
