//! Clients that send a byte now and then.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use trigpoint_testkit::{Directory, RawClient, opcode};

use super::{await_flows, end_reason, host, station};

#[test]
fn a_request_of_one_byte_a_second_is_given_ten_seconds() {
    let directory = Directory::new();
    let station = station(&directory);
    let mut client = TcpStream::connect(host(station.ws())).unwrap();
    let started = Instant::now();
    // The time limit of reading is the pause between two bytes.
    client.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut answer = [0; 1024];
    for byte in b"GET /ndt/v7/download HTTP/1.1\r\n".iter().cycle() {
        if client.write_all(&[*byte]).is_err() {
            break;
        }
        match client.read(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        assert!(started.elapsed() < Duration::from_secs(20), "still open");
    }
    let elapsed = started.elapsed();
    assert!((9.0..14.0).contains(&elapsed.as_secs_f64()), "closed after {elapsed:?}");
    await_flows(&station, "other", &[client.local_addr().unwrap().port()]);
    station.stop();
}

#[test]
fn a_frame_header_in_single_bytes_and_no_close_end_at_the_longest_time() {
    let directory = Directory::new();
    let station = station(&directory);
    let mut client = RawClient::connect(station.ws(), "upload");
    let started = Instant::now();
    for byte in [0x82, 0xff, 0, 0] {
        client.await_frame(opcode::TEXT);
        client.socket().write_all(&[byte]).unwrap();
    }
    assert_eq!(client.await_frame(opcode::CLOSE).payload[..2], 1000_u16.to_be_bytes());
    client.drain().unwrap();
    let elapsed = started.elapsed();
    // Five seconds after a test of two, as fifteen after ten.
    assert!((6.0..9.0).contains(&elapsed.as_secs_f64()), "closed after {elapsed:?}");
    let port = client.port();
    drop(client);
    assert_eq!(end_reason(&station, port), "timed_out");
    await_flows(&station, "test", &[port]);
    station.stop();
}
