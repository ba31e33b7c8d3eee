//! Frames that RFC 6455 forbids, and rare ones that it allows.

use std::io::Write as _;
use std::net::Shutdown;

use trigpoint_testkit::{Directory, RawClient, opcode};

use super::{await_flows, end_reason, speedtest, station};

/// What is sent after the handshake, and the code of the Close that answers it
/// (RFC 6455 section 7.4.1). Masking keys are zero.
const FORBIDDEN: [(&str, &[u8], u16); 14] = [
    ("unmasked", &[0x82, 0x01, 0x00], 1002),
    ("reserved bit", &[0xc2, 0x80, 0, 0, 0, 0], 1002),
    ("reserved opcode", &[0x83, 0x80, 0, 0, 0, 0], 1002),
    ("fragmented Ping", &[0x09, 0x80, 0, 0, 0, 0], 1002),
    ("Ping of 126 bytes", &[0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),
    ("continuation of nothing", &[0x80, 0x80, 0, 0, 0, 0], 1002),
    ("message in a message", &[0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], 1002),
    ("length not minimal", &[0x82, 0xfe, 0, 5, 0, 0, 0, 0], 1002),
    ("length of 64 bits", &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1002),
    ("16 MiB and a byte", &[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0], 1009),
    ("text of 64 KiB and a byte", &[0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], 1009),
    ("text that is not UTF-8", &[0x81, 0x81, 0, 0, 0, 0, 0xff], 1007),
    ("Close with one byte", &[0x88, 0x81, 0, 0, 0, 0, 3], 1002),
    ("Close with a reserved code", &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed], 1002),
];

#[test]
fn a_forbidden_frame_ends_its_connection_with_the_right_code() {
    let directory = Directory::new();
    let station = station(&directory);
    let mut ports = Vec::new();
    for (what, frame, code) in FORBIDDEN {
        for direction in ["download", "upload"] {
            let mut client = RawClient::connect(station.ws(), direction);
            client.socket().write_all(frame).unwrap();
            let close = client.await_frame(opcode::CLOSE);
            assert_eq!(close.payload[..2], code.to_be_bytes(), "{what} in the {direction}");
            client.send(opcode::CLOSE, &close.payload[..2]).unwrap();
            client.drain().unwrap();
            ports.push(client.port());
        }
    }
    await_flows(&station, "test", &ports);
    for port in ports {
        assert_eq!(end_reason(&station, port), "protocol_error");
    }
    speedtest(&station);
    station.stop();
}

#[test]
fn a_fragmented_message_with_a_ping_inside_is_allowed() {
    let directory = Directory::new();
    let station = station(&directory);
    let mut client = RawClient::connect(station.ws(), "upload");
    client.socket().write_all(&[0x02, 0x81, 0, 0, 0, 0, 7]).unwrap();
    client.send(opcode::PING, b"inside").unwrap();
    client.socket().write_all(&[0x80, 0x81, 0, 0, 0, 0, 7]).unwrap();
    assert_eq!(client.await_frame(opcode::PONG).payload, b"inside");
    let close = client.await_frame(opcode::CLOSE);
    assert_eq!(close.payload[..2], 1000_u16.to_be_bytes());
    client.send(opcode::CLOSE, &close.payload).unwrap();
    client.drain().unwrap();
    let port = client.port();
    drop(client);
    assert_eq!(end_reason(&station, port), "completed");
    station.stop();
}

#[test]
fn a_stream_that_ends_inside_a_frame_ends_the_test() {
    let directory = Directory::new();
    let station = station(&directory);
    let mut ports = Vec::new();
    let inside_the_header: &[u8] = &[0x82, 0xff, 0, 0];
    let inside_the_payload: &[u8] = &[0x82, 0xff, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 1, 2, 3];
    for truncated in [inside_the_header, inside_the_payload] {
        let mut client = RawClient::connect(station.ws(), "upload");
        client.socket().write_all(truncated).unwrap();
        client.socket().shutdown(Shutdown::Write).unwrap();
        client.drain().unwrap();
        ports.push(client.port());
    }
    await_flows(&station, "test", &ports);
    for port in ports {
        assert_eq!(end_reason(&station, port), "client_closed");
    }
    station.stop();
}
