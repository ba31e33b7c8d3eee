use super::*;

/// A message of M-Lab's server, kernel 6.18, shortened by nothing.
const REFERENCE: &str = concat!(
    r#"{"ConnectionInfo":{"Client":"[2001:db8::1]:40000","Server":"192.0.2.1:443","#,
    r#""UUID":"host_1795293000_0000000000001A2B","StartTime":"2026-11-22T10:11:08.957636670Z"},"#,
    r#""BBRInfo":{"BW":1234567890123,"MinRTT":52,"PacingGain":320,"CwndGain":512,"ElapsedTime":250001},"#,
    r#""TCPInfo":{"State":1,"CAState":0,"Retransmits":0,"Probes":0,"Backoff":0,"Options":7,"WScale":119,"AppLimited":1,"#,
    r#""RTO":204000,"ATO":40000,"SndMSS":32768,"RcvMSS":536,"Unacked":3,"Sacked":0,"Lost":0,"Retrans":0,"Fackets":0,"#,
    r#""LastDataSent":4,"LastAckSent":0,"LastDataRecv":8,"LastAckRecv":4,"PMTU":65535,"RcvSsThresh":65483,"RTT":60,"RTTVar":20,"#,
    r#""SndSsThresh":2147483647,"SndCwnd":40,"AdvMSS":65483,"Reordering":3,"RcvRTT":0,"RcvSpace":65483,"TotalRetrans":0,"#,
    r#""PacingRate":-1,"MaxPacingRate":-1,"BytesAcked":5000000000,"BytesReceived":600,"SegsOut":-2147483648,"SegsIn":900,"#,
    r#""NotsentBytes":0,"MinRTT":52,"DataSegsIn":2,"DataSegsOut":1000,"DeliveryRate":99,"BusyTime":250000,"RWndLimited":0,"#,
    r#""SndBufLimited":10,"Delivered":1000,"DeliveredCE":0,"BytesSent":5000000100,"BytesRetrans":100,"DSackDups":0,"#,
    r#""ReordSeen":0,"RcvOooPack":0,"SndWnd":65536,"ElapsedTime":250001}}"#
);

fn reference() -> Measurement {
    Measurement {
        connection_info: Some(ConnectionInfo {
            client: "[2001:db8::1]:40000".to_owned(),
            server: "192.0.2.1:443".to_owned(),
            uuid: "host_1795293000_0000000000001A2B".to_owned(),
            start_time: Some("2026-11-22T10:11:08.957636670Z".to_owned()),
        }),
        bbr_info: Some(BbrInfo {
            bandwidth: 1_234_567_890_123,
            min_rtt: 52,
            pacing_gain: 320,
            cwnd_gain: 512,
            elapsed_time: 250_001,
        }),
        tcp_info: Some(TcpInfo {
            state: 1,
            options: 7,
            wscale: 119,
            app_limited: 1,
            rto: 204_000,
            ato: 40_000,
            snd_mss: 32_768,
            rcv_mss: 536,
            unacked: 3,
            last_data_sent: 4,
            last_data_recv: 8,
            last_ack_recv: 4,
            pmtu: 65_535,
            rcv_ssthresh: 65_483,
            rtt: 60,
            rttvar: 20,
            snd_ssthresh: 0x7fff_ffff,
            snd_cwnd: 40,
            advmss: 65_483,
            reordering: 3,
            rcv_space: 65_483,
            // The kernel's values, cast as the server casts them.
            pacing_rate: u64::MAX as i64,
            max_pacing_rate: u64::MAX as i64,
            bytes_acked: 5_000_000_000,
            bytes_received: 600,
            segs_out: (1_u32 << 31) as i32,
            segs_in: 900,
            min_rtt: 52,
            data_segs_in: 2,
            data_segs_out: 1000,
            delivery_rate: 99,
            busy_time: 250_000,
            sndbuf_limited: 10,
            delivered: 1000,
            bytes_sent: 5_000_000_100,
            bytes_retrans: 100,
            snd_wnd: 65_536,
            elapsed_time: 250_001,
            ..TcpInfo::default()
        }),
        ..Measurement::default()
    }
}

#[test]
fn names_order_and_integers_are_those_of_the_reference_server() {
    assert_eq!(reference().to_json(), REFERENCE);
    assert_eq!(Measurement::parse(REFERENCE).expect("the reference"), reference());
}

#[test]
fn additions_come_behind() {
    let mut message = Measurement {
        tcp_info: Some(TcpInfo::default()),
        app_info: Some(AppInfo { elapsed_time: 5, num_bytes: 6 }),
        origin: Some(Origin::Server),
        test: Some(Direction::Upload),
        ..Measurement::default()
    };
    let info = message.tcp_info.get_or_insert_default();
    info.extra.insert("RcvWnd", 65536);
    let json = message.to_json();
    assert!(json.ends_with(
        r#""ElapsedTime":0,"RcvWnd":65536},"AppInfo":{"ElapsedTime":5,"NumBytes":6},"Origin":"server","Test":"upload"}"#
    ));
    assert_eq!(Measurement::parse(&json).expect("our own message"), message);
}

#[test]
fn a_clients_message_may_have_gaps_and_unknown_keys() {
    let text = r#"{"AppInfo":{"NumBytes":7,"New":1},"TCPInfo":null,"Origin":"client","Z":{"a":[1,"b"]},"A":18446744073709551615}"#;
    let message = Measurement::parse(text).expect("a tolerant parser");
    assert_eq!(message.app_info, Some(AppInfo { elapsed_time: 0, num_bytes: 7 }));
    assert_eq!(message.tcp_info, None);
    assert_eq!(message.origin, Some(Origin::Client));
    let extra: Vec<(&str, String)> = message.extra.iter().collect();
    assert_eq!(
        extra,
        [("A", "18446744073709551615".to_owned()), ("Z", r#"{"a":[1,"b"]}"#.to_owned())]
    );
    assert!(Measurement::parse("{}").expect("an empty object").extra.is_empty());
}

#[test]
fn what_is_no_measurement_is_refused() {
    for text in [
        "",
        "[]",
        "7",
        "{",
        r#"{"AppInfo":7}"#,
        r#"{"AppInfo":{"NumBytes":1.5}}"#,
        r#"{"AppInfo":{"NumBytes":9223372036854775808}}"#,
        r#"{"Origin":"moon"}"#,
        r#"{"TCPInfo":{"SegsOut":2147483648}}"#,
    ] {
        assert!(matches!(Measurement::parse(text), Err(MessageError::Json(_))), "{text}");
    }
    let deep = format!("{{\"A\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(matches!(Measurement::parse(&deep), Err(MessageError::Json(_))));
    let long = format!("{{\"A\":\"{}\"}}", "x".repeat(MAX_MESSAGE_BYTES));
    assert!(matches!(Measurement::parse(&long), Err(MessageError::TooLong(_))));
}

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text: String) {
        let _ = Measurement::parse(&text);
    }
}
