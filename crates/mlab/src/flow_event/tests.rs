use proptest::prelude::*;
use trigpoint_record::FlowIdPrefix;

use super::*;

/// As M-Lab's server writes them (`json.Marshal` of `FlowEvent`).
const OPEN: &str = r#"{"Event":0,"Timestamp":"2026-11-24T08:15:30.123456789Z","UUID":"ndt-jdczh_1553815964_00000000000003E8","ID":{"SPort":443,"DPort":50000,"SrcIP":"192.0.2.1","DstIP":"2001:db8::7","Interface":0,"Cookie":-1}}"#;
const CLOSE: &str = r#"{"Event":1,"Timestamp":"2026-11-24T09:15:40+01:00","UUID":"ndt-jdczh_1553815964_00000000000003E8","ID":null}"#;

fn event() -> FlowEvent {
    FlowEvent {
        kind: EventKind::Close,
        time: 1_795_594_530_000_001,
        flow_id: FlowIdPrefix::new("pod-1", 1_700_000_000).flow_id(0xabc),
        socket: Some(SockId {
            local: "[::ffff:192.0.2.1]:443".parse().unwrap(),
            remote: "198.51.100.7:50000".parse().unwrap(),
            interface: 2,
            cookie: 0xabc,
        }),
        position: Some(Position { stream: 1_795_594_000_000_000, sequence: 17 }),
        is_replay: true,
        test_id: Some("pod-1_1700000000_0000000000000ABC".to_owned()),
    }
}

#[test]
fn lines_of_mlabs_server_are_read() {
    let open = FlowEvent::parse(OPEN).unwrap();
    assert_eq!(open.kind, EventKind::Open);
    assert_eq!(open.time, 1_795_508_130_123_456);
    assert_eq!(open.flow_id.as_str(), "ndt-jdczh_1553815964_00000000000003E8");
    let socket = open.socket.unwrap();
    assert_eq!(socket.local, "192.0.2.1:443".parse().unwrap());
    assert_eq!(socket.remote, "[2001:db8::7]:50000".parse().unwrap());
    assert_eq!(socket.cookie, u64::MAX);
    assert_eq!((open.position, open.is_replay, open.test_id), (None, false, None));

    let close = FlowEvent::parse(CLOSE).unwrap();
    assert_eq!((close.kind, close.socket), (EventKind::Close, None));
    assert_eq!(close.time - open.time, 9_876_544, "an offset is read as such");
}

#[test]
fn a_line_has_mlabs_keys_first_and_ours_beside_them() {
    assert_eq!(
        event().to_json(),
        r#"{"Event":1,"Timestamp":"2026-11-25T08:15:30.000001Z","UUID":"pod-1_1700000000_0000000000000ABC","ID":{"SPort":443,"DPort":50000,"SrcIP":"192.0.2.1","DstIP":"198.51.100.7","Interface":2,"Cookie":2748},"Stream":1795594000000000,"Sequence":17,"Replay":true,"TestID":"pod-1_1700000000_0000000000000ABC"}"#
    );
    let plain = FlowEvent {
        kind: EventKind::Open,
        socket: None,
        position: None,
        is_replay: false,
        test_id: None,
        ..event()
    };
    assert_eq!(
        plain.to_json(),
        r#"{"Event":0,"Timestamp":"2026-11-25T08:15:30.000001Z","UUID":"pod-1_1700000000_0000000000000ABC","ID":null}"#
    );
}

/// `eventsocket.FlowEvent` and `inetdiag.SockID`, read as `eventsocket.MustRun`
/// does: one `json.Unmarshal` for each line, whose error ends M-Lab's program.
#[test]
fn mlabs_own_reader_finds_its_keys_and_passes_over_ours() {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct GoFlowEvent {
        event: i64,
        timestamp: String,
        #[serde(rename = "UUID")]
        uuid: String,
        #[serde(rename = "ID")]
        id: Option<GoSockId>,
    }
    #[derive(Deserialize)]
    struct GoSockId {
        #[serde(rename = "SPort")]
        source_port: u16,
        #[serde(rename = "DPort")]
        destination_port: u16,
        #[serde(rename = "SrcIP")]
        source: String,
        #[serde(rename = "DstIP")]
        destination: String,
        #[serde(rename = "Interface")]
        interface: u32,
        #[serde(rename = "Cookie")]
        cookie: i64,
    }
    for (kind, number) in [(EventKind::Open, 0), (EventKind::Close, 1)] {
        let line = FlowEvent { kind, ..event() }.to_json();
        assert!(line.contains("\"Sequence\"") && line.contains("\"TestID\""), "{line}");
        // `bufio.Scanner` splits at newlines and takes no longer tokens.
        assert!(!line.contains('\n') && line.len() < 65_536, "{line}");
        let read: GoFlowEvent = serde_json::from_str(&line).unwrap();
        assert_eq!((read.event, read.uuid.as_str()), (number, event().flow_id.as_str()));
        let time = DateTime::parse_from_rfc3339(&read.timestamp).unwrap();
        assert_eq!(time.timestamp_micros(), event().time);
        let id = read.id.unwrap();
        assert_eq!((id.source.as_str(), id.source_port), ("192.0.2.1", 443));
        assert_eq!((id.destination.as_str(), id.destination_port), ("198.51.100.7", 50_000));
        assert_eq!((id.interface, id.cookie), (2, 0xabc));
    }
}

/// Go matches keys in any case: `Id` would be taken for `ID`.
#[test]
fn no_key_of_ours_is_one_of_mlabs_in_another_case() {
    let line: serde_json::Value = serde_json::from_str(&event().to_json()).unwrap();
    let keys: Vec<_> = line.as_object().unwrap().keys().map(|key| key.to_lowercase()).collect();
    for known in ["event", "timestamp", "uuid", "id"] {
        assert_eq!(keys.iter().filter(|key| *key == known).count(), 1, "{known}");
    }
}

#[test]
fn keys_of_a_newer_server_are_no_reason_to_refuse_a_line() {
    let line = CLOSE.replace("\"ID\":null", "\"ID\":null,\"Newer\":{\"a\":[1]}");
    assert_eq!(FlowEvent::parse(&line).unwrap(), FlowEvent::parse(CLOSE).unwrap());
}

#[test]
fn what_is_no_event_is_refused_with_its_reason() {
    let long = format!("{CLOSE}{}", " ".repeat(MAX_LINE_BYTES));
    for (line, reason) in [
        ("", "does not parse"),
        ("[]", "does not parse"),
        ("{}", "does not parse"),
        (&OPEN.replace("\"Event\":0", "\"Event\":\"0\""), "does not parse"),
        (&OPEN.replace("443", "65536"), "does not parse"),
        (&OPEN.replace("192.0.2.1", "host"), "does not parse"),
        (&OPEN.replace("\"Event\":0", "\"Event\":2"), "event 2"),
        (&OPEN.replace("2026-11-24T", "2026-11-24 at "), "Timestamp"),
        (&OPEN.replace("2026", "1969"), "Timestamp"),
        (&OPEN.replace("_00000000000003E8", ""), "UUID"),
        (&OPEN.replace("ndt-", r"\u0000"), "UUID"),
        (&CLOSE.replace("null", "null,\"Sequence\":1"), "Sequence"),
        (&CLOSE.replace("null", "null,\"Stream\":1,\"Sequence\":-1"), "does not parse"),
        (&CLOSE.replace("null", "null,\"TestID\":\"\""), "TestID"),
        (&long, "the limit is 4096"),
    ] {
        let error = FlowEvent::parse(line).unwrap_err().to_string();
        assert!(error.contains(reason) && !error.contains('\n'), "{line}: {error}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(
        time in 0..=LAST_TIME_US,
        cookie: u64,
        interface: u32,
        v6: u128,
        port: u16,
        position in proptest::option::of((any::<u64>(), any::<u64>())),
        is_replay: bool,
    ) {
        let remote: IpAddr = std::net::Ipv6Addr::from_bits(v6).into();
        let remote = SocketAddr::new(remote.to_canonical(), port);
        let event = FlowEvent {
            time,
            flow_id: FlowIdPrefix::new("pod-1", 1).flow_id(cookie),
            socket: Some(SockId { local: remote, remote, interface, cookie }),
            position: position.map(|(stream, sequence)| Position { stream, sequence }),
            is_replay,
            ..event()
        };
        prop_assert_eq!(FlowEvent::parse(&event.to_json()).unwrap(), event);
    }
}
