//! What a client gets instead of a test.

use std::net::{IpAddr, Ipv4Addr};

use trigpoint_websocket::Opcode;

use super::client::{Client, UPGRADE};
use super::{Running, settings};
use crate::{Error, Server};

#[tokio::test]
async fn statuses_are_those_of_the_reference_server() {
    let station = Running::start();
    let without = |name: &str| -> String {
        UPGRADE
            .lines()
            .filter(|line| !line.starts_with(name))
            .fold(String::new(), |all, line| all + line + "\r\n")
    };
    let long = format!("/ndt/v7/download?a={}", "x".repeat(4096));
    let subprotocol = without("Sec-WebSocket-Protocol");
    let list = UPGRADE.replace("net.measurementlab.ndt.v7", "a, net.measurementlab.ndt.v7");
    let wrong = UPGRADE.replace("net.measurementlab.ndt.v7", "net.measurementlab.ndt.v6");
    let version = UPGRADE.replace("Version: 13", "Version: 12");
    let plain = "Sec-WebSocket-Protocol: net.measurementlab.ndt.v7\r\n".to_owned();
    let whole = UPGRADE.to_owned();
    for (target, headers, status, part) in [
        ("/ndt/v7/download", &subprotocol, "400", "connection: close"),
        ("/ndt/v7/upload", &list, "400", "connection: close"),
        ("/ndt/v7/upload", &wrong, "400", "connection: close"),
        ("/ndt/v7/upload", &String::new(), "400", "connection: close"),
        ("/ndt/v7/download", &plain, "400", "sec-websocket-version: 13"),
        ("/ndt/v7/download", &version, "400", "sec-websocket-version: 13"),
        ("/ndt/v7/sideload", &whole, "404", ""),
        ("/ndt/v7/download/", &whole, "404", ""),
        ("/ndt/v7/download?early_exit=100", &whole, "400", ""),
        ("/ndt/v7/upload?early_exit=100", &whole, "400", ""),
        ("/ndt/v7/download?early_exit=", &whole, "400", ""),
        ("/ndt/v7/download?client_name=%zz", &whole, "400", ""),
        (long.as_str(), &whole, "400", ""),
        ("/", &String::new(), "200", "content-security-policy: default-src 'none'"),
    ] {
        let mut client = Client::connect(station.ws).await;
        let head = client.request(target, headers).await.to_ascii_lowercase();
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{target}: {head}");
        assert!(head.contains(part), "{target}: {head}");
    }
    station.stop().await;
}

/// Longer than any request may be: refused before there is a query to look at.
#[tokio::test]
async fn an_endless_request_is_refused_when_it_is_too_long() {
    let station = Running::start();
    let mut client = Client::connect(station.ws).await;
    let query = "a=".to_owned() + &"x".repeat(20_000);
    let head = client.request(&format!("/ndt/v7/download?{query}"), UPGRADE).await;
    assert!(head.starts_with("HTTP/1.1 431 "), "{head}");
    assert!(client.ended().await);
    station.stop().await;
}

#[tokio::test]
async fn what_is_no_request_ends_its_connection() {
    let station = Running::start();
    // The start of a TLS handshake, HTTP/2, a broken header, and noise: each on
    // both ports.
    let noise = vec![0xff; 40_000];
    let garbage: [&[u8]; 4] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /ndt/v7/download HTTP/1.1\r\nno header at all\r\n\r\n",
        &noise,
    ];
    for address in [station.ws, station.wss] {
        for bytes in garbage {
            let mut client = Client::connect(address).await;
            client.give_up(bytes).await;
        }
    }
    let mut client = Client::test(station.ws, "/ndt/v7/upload").await;
    assert_eq!(client.close().await.0, 1000, "others are still served");
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn an_upgrade_after_a_404_on_the_same_connection_works() {
    let station = Running::start();
    let mut client = Client::connect(station.ws).await;
    let head = client.request("/nothing", "").await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let head = client.request("/ndt/v7/upload", UPGRADE).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(client.close().await.0, 1000);
    drop(client);
    station.stop().await;
}

#[tokio::test]
async fn a_full_station_says_when_to_try_again_and_a_free_place_is_given_again() {
    let station = Running::start_with(|settings| settings.max_tests = 1);
    let mut first = Client::test(station.ws, "/ndt/v7/upload").await;
    let mut second = Client::connect(station.ws).await;
    let head = second.request("/ndt/v7/upload", UPGRADE).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: "), "{head}");
    first.close().await;
    first.send_frame(true, Opcode::Close, &[0x03, 0xe8]).await;
    assert!(first.ended().await);
    drop(first);
    // The place is free once the server has seen the end of the first.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    loop {
        let mut third = Client::connect(station.ws).await;
        if third.request("/ndt/v7/upload", UPGRADE).await.starts_with("HTTP/1.1 101") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the place was not given back");
    }
    station.stop().await;
}

#[tokio::test]
async fn a_port_in_use_and_an_unknown_algorithm_are_said_before_serving() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut wanted = settings(directory.path());
    wanted.listen = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    wanted.ws_port = taken.local_addr().unwrap().port();
    let error = Server::bind(wanted).unwrap_err();
    assert!(matches!(error, Error::Bind { .. }), "{error}");
    assert!(error.to_string().contains("choose another port"), "{error}");

    let mut wanted = settings(directory.path());
    wanted.congestion_control = Some("nonesuch".to_owned());
    let error = Server::bind(wanted).unwrap_err().to_string();
    assert!(error.contains("nonesuch") && error.contains("bbr"), "{error}");
}
