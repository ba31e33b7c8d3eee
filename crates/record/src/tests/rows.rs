//! Rows put into batches and read back by column name.

use std::net::SocketAddr;

use proptest::prelude::*;
use trigpoint_tcpinfo::{Bbr, Congestion, Meminfo, SkMeminfo, TcpInfo, congestion, field};

use crate::tables::flows::{Flow, LastPoll, RttQuantiles, Watched};
use crate::tables::snapshots::{Attributes, Header, Snapshot, Snapshots};
use crate::tables::speed_tests::{
    AppInfo, ClientMeasurement, Direction, EndReason, LastReading, ServerMeasurement, SpeedTest,
    Tls, Transport,
};
use crate::tables::stations::{DrainSummary, Event, Gap, StationEvent};
use crate::tables::{FLOWS, SPEED_TESTS, STATIONS};
use crate::{Array, Batch, FlowId, FlowIdPrefix, Station, Table, Value, Values, kernel};

fn station() -> Station {
    Station { site: "lga03".into(), kernel_release: "6.18.1".into(), ..Station::default() }
}

fn flow_id() -> FlowId {
    FlowIdPrefix::new("pod-1", 1_700_000_000).flow_id(0xabc)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A `struct tcp_info` of `len` bytes with these counters.
fn tcp_info(len: usize, acked: u64, received: u64, sent: u64, retransmitted: u64) -> TcpInfo {
    let columns = |index| match index {
        field::BYTES_ACKED => Some(acked),
        field::BYTES_RECEIVED => Some(received),
        field::BYTES_SENT => Some(sent),
        field::BYTES_RETRANS => Some(retransmitted),
        field::MIN_RTT_US => Some(1234),
        _ => Some(0),
    };
    TcpInfo::from_columns(len, columns, &[]).unwrap()
}

/// A batch of one row.
fn batch(table: &'static Table, row: Vec<Value>) -> Batch {
    let mut batch = Batch::new(table);
    batch.push(row).unwrap();
    batch
}

/// One cell of row 0.
fn cell(array: &Array) -> Value {
    if !array.present[0] {
        return Value::Null;
    }
    match &array.values {
        Values::Int(values) => Value::Int(values[0]),
        Values::Float(values) => Value::Float(values[0]),
        Values::Text(values) => Value::Text(values[0].clone()),
        Values::Bytes(values) => Value::Bytes(values[0].clone()),
        Values::Bool(values) => Value::Bool(values[0]),
        Values::List { .. } | Values::Struct(_) => panic!("ask for the parts"),
    }
}

fn get(batch: &Batch, name: &str) -> Value {
    cell(batch.column(name).unwrap())
}

#[test]
fn flow_ids_have_the_form_of_mlabs_uuids() {
    assert_eq!(flow_id().as_str(), "pod-1_1700000000_0000000000000ABC");
    assert_eq!(FlowId::parse(flow_id().as_str()), Some(flow_id()));
}

#[test]
fn what_is_no_flow_id_is_refused() {
    let long = format!("{}_0000000000000ABC", "a".repeat(512));
    for text in
        ["", "_0000000000000ABC", "a_0000000000000abc", "a_ABC", "a", "a\n_0000000000000ABC", &long]
    {
        assert_eq!(FlowId::parse(text), None, "{text:?}");
    }
}

fn speed_test(direction: Direction) -> SpeedTest {
    let message = |number: u64| ServerMeasurement {
        elapsed_us: number,
        app_info: Some(AppInfo { elapsed_us: number, num_bytes: 7 }),
        bbr: None,
        tcp_info: Some(tcp_info(280, number, 0, 0, 0)),
        json: format!("{{\"number\":{number}}}"),
    };
    SpeedTest {
        flow_id: flow_id(),
        test_id: flow_id().to_string(),
        opened_time: 1,
        direction,
        transport: Transport::Wss,
        client: address("[::ffff:192.0.2.7]:5000"),
        server: address("[2001:db8::1]:443"),
        start_time: 2,
        end_time: 3,
        elapsed_us: 10_100_000,
        end_reason: EndReason::Completed,
        end_detail: None,
        client_close_code: Some(1000),
        client_metadata: vec![("client_os".into(), "plan9".into()), ("x".into(), String::new())],
        server_metadata: Vec::new(),
        server_measurements: vec![message(1), message(2)],
        client_measurements: vec![ClientMeasurement {
            received_elapsed_us: 9,
            app_info: None,
            json: "{}".into(),
        }],
        application_bytes: 1000,
        socket_written_bytes: 1100,
        socket_read_bytes: 50,
        last: Some(LastReading {
            elapsed_us: 10_000_000,
            tcp_info: tcp_info(280, 12_500_000, 25_000_000, 1000, 10),
        }),
        congestion_control: Some("bbr".into()),
        congestion_control_requested: None,
        tls: Some(Tls {
            version: "TLSv1.3".into(),
            cipher_suite: "TLS13_AES_128_GCM_SHA256".into(),
        }),
    }
}

#[test]
fn a_download_says_what_the_client_and_the_kernel_saw() {
    let row = batch(&SPEED_TESTS, speed_test(Direction::Download).into_row(&station()));
    assert_eq!(get(&row, "flow_id"), Value::from("pod-1_1700000000_0000000000000ABC"));
    assert_eq!(get(&row, "direction"), Value::from("download"));
    assert_eq!(get(&row, "transport"), Value::from("wss"));
    assert_eq!(get(&row, "end_reason"), Value::from("completed"));
    assert_eq!(get(&row, "client_ip"), Value::from("192.0.2.7"));
    assert_eq!(get(&row, "server_ip"), Value::from("2001:db8::1"));
    assert_eq!(get(&row, "ip_version"), Value::Int(4));
    assert_eq!(get(&row, "client_os"), Value::from("plan9"));
    assert_eq!(get(&row, "client_name"), Value::Null);
    assert_eq!(get(&row, "throughput_bits_per_s"), Value::Float(10e6));
    assert_eq!(get(&row, "retransmission_share"), Value::Float(0.01));
    assert_eq!(get(&row, "min_rtt_us"), Value::Int(1234));
    assert_eq!(get(&row, "server_measurement_count"), Value::Int(2));
    assert_eq!(get(&row, "client_measurement_count"), Value::Int(1));
    assert_eq!(get(&row, "congestion_control"), Value::from("bbr"));
    assert_eq!(get(&row, "tls_version"), Value::from("TLSv1.3"));
    assert_eq!(get(&row, "site"), Value::from("lga03"));
    assert_eq!(get(&row, "pod"), Value::Null);
}

#[test]
fn an_upload_is_rated_by_what_was_received_and_knows_no_loss() {
    let row = batch(&SPEED_TESTS, speed_test(Direction::Upload).into_row(&station()));
    assert_eq!(get(&row, "throughput_bits_per_s"), Value::Float(20e6));
    assert_eq!(get(&row, "retransmission_share"), Value::Null);
}

#[test]
fn without_a_reading_a_test_has_no_figures() {
    let test = SpeedTest { last: None, ..speed_test(Direction::Download) };
    let row = batch(&SPEED_TESTS, test.into_row(&station()));
    for name in ["throughput_bits_per_s", "retransmission_share", "min_rtt_us", "last_elapsed_us"] {
        assert_eq!(get(&row, name), Value::Null, "{name}");
    }
}

#[test]
fn measurements_are_in_the_row_as_they_were_sent() {
    let row = batch(&SPEED_TESTS, speed_test(Direction::Download).into_row(&station()));
    let Values::List { lengths, items } = &row.column("server_measurements").unwrap().values else {
        panic!("not a list");
    };
    assert_eq!(lengths, &[2]);
    let Values::Struct(fields) = &items.values else { panic!("not structs") };
    let [elapsed, _, bbr, info, json] = &fields[..] else { panic!("not five fields") };
    assert_eq!(elapsed.values, Values::Int(vec![1, 2]));
    assert_eq!(bbr.present, [false, false]);
    assert_eq!(kernel::block(info, 1), Some(tcp_info(280, 2, 0, 0, 0)));
    let sent = ["{\"number\":1}", "{\"number\":2}"].map(String::from);
    assert_eq!(json.values, Values::Text(sent.to_vec()));
}

fn flow(destroyed: Option<TcpInfo>) -> Flow {
    Flow {
        flow_id: flow_id(),
        opened_time: 1,
        closed_time: 2,
        cookie: u64::MAX,
        family: 10,
        local: address("[::ffff:192.0.2.1]:80"),
        remote: address("192.0.2.7:5000"),
        test_id: None,
        congestion_algorithm: Some("cubic".into()),
        polls_done: 100,
        polls_unchanged: 40,
        polls_missed: 3,
        watched: Some(Watched {
            time: 6,
            elapsed_us: 999_000,
            poll_no: 3,
            polls_done: 97,
            polls_missed: 2,
        }),
        longest_gap_us: Some(25_000),
        rtt: Some(RttQuantiles { min_us: 1, median_us: 2, p95_us: 3, max_us: 4 }),
        last_poll: Some(LastPoll {
            elapsed_us: 99,
            reply_time: 5,
            tcp_info: tcp_info(232, 500, 0, 0, 0),
        }),
        destroyed,
    }
}

#[test]
fn a_flow_ends_with_the_counters_of_its_destroy_event() {
    let last_word = tcp_info(280, 501, 0, 0, 0);
    let flow = flow(Some(last_word.clone()));
    let row = batch(&FLOWS, flow.into_row(&station()));
    assert_eq!(get(&row, "final_from"), Value::from("destroy"));
    assert_eq!(get(&row, "bytes_acked"), Value::Int(501));
    assert_eq!(kernel::tcp_info(&row, 0), Some(last_word));
    let last_poll = kernel::block(row.column("last_poll").unwrap(), 0);
    assert_eq!(last_poll, Some(tcp_info(232, 500, 0, 0, 0)));
    assert_eq!(get(&row, "local_ip"), Value::from("192.0.2.1"));
    assert_eq!(get(&row, "belonged_to"), Value::from("other"));
    assert_eq!(get(&row, "rtt_p95_us"), Value::Int(3));
    assert_eq!(row.column("cookie").unwrap().int(0), Some(-1));
    assert_eq!(get(&row, "last_poll_time"), Value::Int(5));
    for (name, value) in [
        ("watched_time", 6),
        ("watched_us", 999_000),
        ("watched_poll_no", 3),
        ("watched_polls_done", 97),
        ("watched_polls_missed", 2),
    ] {
        assert_eq!(get(&row, name), Value::Int(value), "{name}");
    }
}

#[test]
fn a_flow_without_its_event_ends_with_its_last_poll() {
    let row = batch(&FLOWS, flow(None).into_row(&station()));
    assert_eq!(get(&row, "final_from"), Value::from("last_poll"));
    assert_eq!(get(&row, "bytes_acked"), Value::Int(500));
    // A field that the older kernel did not have.
    assert_eq!(get(&row, "total_rto"), Value::Null);
}

#[test]
fn a_flow_that_was_never_polled_has_no_counters() {
    let flow = Flow {
        last_poll: None,
        rtt: None,
        watched: None,
        longest_gap_us: None,
        test_id: Some("t".into()),
        ..flow(None)
    };
    let row = batch(&FLOWS, flow.into_row(&station()));
    assert_eq!(get(&row, "final_from"), Value::from("none"));
    assert_eq!(get(&row, "belonged_to"), Value::from("test"));
    for name in ["bytes_acked", "tcp_info_len_bytes", "rtt_min_us", "longest_gap_us", "watched_us"]
    {
        assert_eq!(get(&row, name), Value::Null, "{name}");
    }
}

#[test]
fn a_station_tells_of_drains_and_gaps() {
    let summary =
        DrainSummary { elapsed_us: 8, tests_finished: 2, tests_cut_off: 0, tests_refused: 1 };
    let gap = Gap { first_seq: 3, last_seq: 5, reason: "size cap".into() };
    for (event, name, drain, lost) in [
        (Event::Ready, "ready", false, false),
        (Event::Drained(summary), "drained", true, false),
        (Event::Gap(gap), "gap", false, true),
    ] {
        let facts = vec![("cpus".to_owned(), "2".to_owned())];
        let row = StationEvent { time: 1, event, facts }.into_row(&station());
        let row = batch(&STATIONS, row);
        assert_eq!(get(&row, "event"), Value::from(name));
        assert_eq!(row.column("drain").unwrap().present, [drain]);
        assert_eq!(row.column("gap").unwrap().present, [lost]);
    }
}

/// A snapshot of nothing but its name.
fn bare(flow_id: &FlowId) -> Snapshot<'_> {
    Snapshot {
        flow_id,
        opened_time: 1,
        n: 2,
        poll_no: 3,
        elapsed_us: 4,
        request_time: 5,
        reply_time: 6,
        polls_unchanged_before: 7,
        polls_missed_before: 8,
        header: Header::default(),
        congestion_algorithm: None,
        attributes: Attributes::default(),
        attribute_bitmap: 0,
        undecoded_attributes: &[],
        meminfo: None,
        skmeminfo: None,
        congestion: None,
        tcp_info: None,
    }
}

#[test]
fn a_snapshot_fills_the_columns_of_its_parts() {
    let id = flow_id();
    let (meminfo, skmeminfo) = (Meminfo::decode(&[1; 16]), SkMeminfo::decode(&[2; 36]));
    let congestion = Congestion::decode(congestion::BBR_ATTRIBUTE, &[3; 24]).unwrap();
    let info = tcp_info(248, 77, 0, 0, 0);
    let mut snapshots = Snapshots::new(station());
    snapshots.push(&Snapshot {
        header: Header {
            family: 11,
            state: 12,
            timer: 13,
            retrans: 14,
            expires_ms: 15,
            rqueue_bytes: 16,
            wqueue_bytes: 17,
            uid: 18,
            inode: 19,
            interface: 20,
        },
        congestion_algorithm: Some("bbr"),
        attributes: Attributes {
            tos: Some(21),
            tclass: None,
            class_id: Some(23),
            shutdown: Some(24),
            protocol: Some(25),
            mark: Some(26),
        },
        attribute_bitmap: 27,
        undecoded_attributes: &[(28, vec![29])],
        meminfo: Some(&meminfo),
        skmeminfo: Some(&skmeminfo),
        congestion: Some(&congestion),
        tcp_info: Some(&info),
        ..bare(&id)
    });
    let row = snapshots.take();
    assert_eq!(snapshots.rows(), 0);
    for (name, value) in [
        ("opened_time", 1),
        ("n", 2),
        ("poll_no", 3),
        ("elapsed_us", 4),
        ("request_time", 5),
        ("reply_time", 6),
        ("polls_unchanged_before", 7),
        ("polls_missed_before", 8),
        ("idiag_family", 11),
        ("idiag_state", 12),
        ("idiag_timer", 13),
        ("idiag_retrans", 14),
        ("idiag_expires_ms", 15),
        ("idiag_rqueue_bytes", 16),
        ("idiag_wqueue_bytes", 17),
        ("idiag_uid", 18),
        ("idiag_inode", 19),
        ("idiag_interface", 20),
        ("tos", 21),
        ("class_id", 23),
        ("shutdown", 24),
        ("protocol", 25),
        ("mark", 26),
        ("attribute_bitmap", 27),
        ("bytes_acked", 77),
        ("tcp_info_len_bytes", 248),
    ] {
        assert_eq!(get(&row, name), Value::Int(value), "{name}");
    }
    assert_eq!(get(&row, "tclass"), Value::Null);
    assert_eq!(get(&row, "congestion_algorithm"), Value::from("bbr"));
    assert_eq!(get(&row, "site"), Value::from("lga03"));
    assert_eq!(get(&row, "kernel_release"), Value::from("6.18.1"));
    assert_eq!(get(&row, "pod"), Value::Null);
    let structure = |name| row.column(name).unwrap();
    assert_eq!(kernel::block(structure("meminfo"), 0), Some(meminfo));
    assert_eq!(kernel::block(structure("skmeminfo"), 0), Some(skmeminfo));
    assert_eq!(kernel::block(structure("bbr"), 0), Some(Bbr::decode(&[3; 24])));
    assert_eq!(structure("vegas").present, [false]);
    assert_eq!(structure("dctcp").present, [false]);
    let Values::List { lengths, items } = &structure("undecoded_attributes").values else {
        panic!("not a list");
    };
    let Values::Struct(fields) = &items.values else { panic!("not structs") };
    assert_eq!(lengths, &[1]);
    assert_eq!(fields[0].int(0), Some(28));
    assert_eq!(fields[1].bytes(0), Some(&[29][..]));
}

#[test]
fn a_mini_socket_has_a_row_without_tcp_info() {
    let id = flow_id();
    let mut snapshots = Snapshots::new(station());
    snapshots.push(&bare(&id));
    let row = snapshots.take();
    assert_eq!(kernel::tcp_info(&row, 0), None);
    assert_eq!(get(&row, "state"), Value::Null);
    assert!(row.columns.iter().all(|array| array.len() == 1));
}

proptest! {
    /// Rows of all lengths in one batch, each turned back into the kernel's bytes.
    #[test]
    fn a_snapshot_turns_back_into_the_kernels_bytes(
        kernel in prop::collection::vec(
            prop::collection::vec(prop_oneof![any::<u8>(), Just(0xff)], 0..=400), 1..8),
    ) {
        let id = flow_id();
        let mut snapshots = Snapshots::new(Station::default());
        for bytes in &kernel {
            let info = TcpInfo::decode(bytes);
            snapshots.push(&Snapshot { tcp_info: Some(&info), ..bare(&id) });
        }
        let batch = snapshots.take();
        prop_assert!(batch.columns.iter().all(|array| array.len() == kernel.len()));
        for (row, bytes) in kernel.iter().enumerate() {
            let info = kernel::tcp_info(&batch, row);
            prop_assert_eq!(info.map(|info| info.encode()), Some(bytes.clone()));
        }
    }
}
