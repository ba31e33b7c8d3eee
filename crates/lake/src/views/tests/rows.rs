//! A lake with generated rows.

use std::net::SocketAddr;

use trigpoint_record::tables::flows::{Flow, LastPoll};
use trigpoint_record::tables::snapshots::{Attributes, Header, Snapshot, Snapshots};
use trigpoint_record::tables::speed_tests::{
    AppInfo, Direction, EndReason, LastReading, ServerMeasurement, SpeedTest, Transport,
};
use trigpoint_record::{Column, FlowId, FlowIdPrefix, Station, Table, Value, tables};
use trigpoint_tcpinfo::{TcpInfo, field};

use crate::testing::{MIDNIGHT, rows, sent};
use crate::{Group, Lake, Rows};

/// Where an end of a connection is.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) country_code: &'static str,
    pub(super) region: &'static str,
    pub(super) city: &'static str,
    pub(super) postal_code: &'static str,
    pub(super) asn: i64,
    pub(super) as_name: &'static str,
}

pub(super) const BALTIMORE: End = End {
    country_code: "US",
    region: "MD",
    city: "Baltimore",
    postal_code: "21224",
    asn: 7922,
    as_name: "Comcast",
};
pub(super) const ROME: End = End {
    country_code: "IT",
    region: "62",
    city: "Rome",
    postal_code: "00118",
    asn: 3269,
    as_name: "TIM",
};

pub(super) fn lake(directory: &tempfile::TempDir) -> Lake {
    let path = directory.path().join("lake");
    Lake::open(&path.to_string_lossy()).unwrap()
}

pub(super) fn station(site: &str, arm: &str) -> Station {
    Station {
        site: site.into(),
        machine: "mlab1".into(),
        arm: arm.into(),
        software_version: "0.1.0".into(),
        ..Station::default()
    }
}

pub(super) fn flow_id(cookie: u64) -> FlowId {
    FlowIdPrefix::new("pod", 1_700_000_000).flow_id(cookie)
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What the kernel says after so many bytes in one direction or the other.
pub(super) fn tcp_info(acked: u64, received: u64) -> TcpInfo {
    let value = |index| match index {
        field::BYTES_ACKED => Some(acked),
        field::BYTES_RECEIVED => Some(received),
        field::BYTES_SENT => Some(acked + acked / 4),
        field::BYTES_RETRANS => Some(acked / 4),
        field::MIN_RTT_US => Some(20_000),
        field::RTT_US => Some(30_000),
        field::SND_CWND_SEGMENTS => Some(80),
        field::SND_WSCALE => Some(7),
        field::RCV_WSCALE => Some(9),
        _ => Some(0),
    };
    TcpInfo::from_columns(280, value, &[]).unwrap()
}

/// A test of 10 s and 10 Mbit/s times `n`, which is also its cookie, of a client
/// at 198.51.100.`n`.
pub(super) fn speed_test(n: u64, direction: Direction) -> SpeedTest {
    let bytes = 12_500_000 * n;
    let tcp_info = match direction {
        Direction::Download => tcp_info(bytes, 700),
        Direction::Upload => tcp_info(700, bytes),
    };
    let opened_time = MIDNIGHT + 1_000_000 * n as i64;
    SpeedTest {
        flow_id: flow_id(n),
        test_id: flow_id(n).to_string(),
        opened_time,
        direction,
        transport: Transport::Wss,
        client: SocketAddr::new([198, 51, 100, n as u8].into(), 5000),
        server: address("203.0.113.1:443"),
        start_time: opened_time + 1000,
        end_time: opened_time + 10_101_000,
        elapsed_us: 10_100_000,
        end_reason: EndReason::Completed,
        end_detail: None,
        client_close_code: Some(1000),
        client_metadata: vec![("client_os".into(), "plan9".into())],
        server_metadata: vec![("deployment".into(), "stable".into())],
        server_measurements: vec![ServerMeasurement {
            elapsed_us: 250_000,
            app_info: Some(AppInfo { elapsed_us: 250_001, num_bytes: 7 }),
            bbr: None,
            tcp_info: Some(tcp_info.clone()),
            json: "{}".into(),
        }],
        client_measurements: Vec::new(),
        application_bytes: bytes,
        socket_written_bytes: bytes,
        socket_read_bytes: 50,
        last: Some(LastReading { elapsed_us: 10_000_000, tcp_info }),
        congestion_control: Some("cubic".into()),
        congestion_control_requested: None,
        tls: None,
    }
}

/// The connection of [`speed_test`] `n`, or of nothing.
pub(super) fn flow(n: u64, test_id: Option<String>) -> Flow {
    let opened_time = MIDNIGHT + 1_000_000 * n as i64;
    Flow {
        flow_id: flow_id(n),
        opened_time,
        closed_time: opened_time + 11_000_000,
        cookie: n,
        family: 2,
        local: address("203.0.113.1:443"),
        remote: SocketAddr::new([198, 51, 100, n as u8].into(), 5000),
        test_id,
        congestion_algorithm: Some("cubic".into()),
        polls_done: 1000,
        // Those of `append_snapshots`.
        polls_unchanged: if n == 1 { 997 } else { 1000 },
        polls_missed: 0,
        watched: None,
        longest_gap_us: None,
        rtt: None,
        last_poll: Some(LastPoll {
            elapsed_us: 10_000_000,
            reply_time: opened_time + 10_000_000,
            tcp_info: tcp_info(12_500_000 * n, 700),
        }),
        destroyed: None,
    }
}

/// Appends rows in one batch.
pub(super) async fn append(lake: &Lake, table: &'static Table, rows: Vec<Vec<Value>>) {
    append_batch(lake, table, self::rows(table, 1, rows)).await;
}

async fn append_batch(lake: &Lake, table: &'static Table, rows: Rows) {
    let group = Group { app_id: "a".to_owned(), last_seq: 1, rows: vec![rows] };
    lake.append(table, vec![group]).await.unwrap();
}

/// Which column of these has the name.
pub(super) fn place(columns: &[Column], name: &str) -> usize {
    columns.iter().position(|column| column.name == name).unwrap()
}

/// What the collector adds to a row whose `client` or `server` is there.
pub(super) fn annotate(table: &Table, row: &mut [Value], side: &str, end: End) {
    for (name, value) in [
        ("country_code", end.country_code.into()),
        ("subdivision1_iso_code", end.region.into()),
        ("city", end.city.into()),
        ("postal_code", end.postal_code.into()),
        ("latitude", Value::Float(39.29)),
        ("longitude", Value::Float(-76.61)),
        ("asn", Value::Int(end.asn)),
        ("as_name", end.as_name.into()),
    ] {
        row[place(table.columns, &format!("{side}_{name}"))] = value;
    }
}

/// A row of `speed_tests` with its annotations, from a station in Rome.
pub(super) fn annotated(test: SpeedTest, station: &Station, client: Option<End>) -> Vec<Value> {
    let mut row = test.into_row(station);
    annotate(&tables::SPEED_TESTS, &mut row, "server", ROME);
    if let Some(client) = client {
        annotate(&tables::SPEED_TESTS, &mut row, "client", client);
    }
    row
}

/// Downloads 1 to 4 and upload 5: 1 to 3 and 5 from Baltimore, 4 from Rome; 3 at
/// another site, whose station is a canary there is a 6th of.  Flow 9 was no test.
pub(super) async fn world(directory: &tempfile::TempDir) -> Lake {
    let lake = lake(directory);
    let (stable, other, canary) =
        (station("lga03", ""), station("fco01", "stable"), station("fco01", "canary"));
    let download = |n| speed_test(n, Direction::Download);
    let tests = vec![
        annotated(download(1), &stable, Some(BALTIMORE)),
        annotated(download(2), &stable, Some(BALTIMORE)),
        annotated(download(3), &other, Some(End { postal_code: "21217", ..BALTIMORE })),
        annotated(download(4), &other, Some(ROME)),
        annotated(speed_test(5, Direction::Upload), &stable, Some(BALTIMORE)),
        annotated(download(6), &canary, Some(ROME)),
    ];
    append(&lake, &tables::SPEED_TESTS, tests).await;
    let test = |n| Some(flow_id(n).to_string());
    let flows = [(1, test(1)), (5, test(5)), (9, None)].map(|(n, test)| {
        let mut row = flow(n, test).into_row(&stable);
        if n != 9 {
            annotate(&tables::FLOWS, &mut row, "client", BALTIMORE);
        }
        row
    });
    append(&lake, &tables::FLOWS, flows.into()).await;
    append_snapshots(&lake, &stable, |n| tcp_info(1000 * n, 0)).await;
    lake
}

/// Three snapshots of connection 1, and what the kernel said in each.
pub(super) async fn append_snapshots(
    lake: &Lake,
    station: &Station,
    tcp_info: impl Fn(u64) -> TcpInfo,
) {
    let mut snapshots = Snapshots::new(station.clone());
    for n in 0..3_u64 {
        snapshots.push(&Snapshot {
            flow_id: &flow_id(1),
            opened_time: MIDNIGHT + 1_000_000,
            n,
            poll_no: n,
            elapsed_us: 10_000 * n,
            request_time: MIDNIGHT + 1_000_000,
            reply_time: MIDNIGHT + 1_000_000 + 10_000 * n as i64,
            polls_unchanged_before: 0,
            polls_missed_before: 0,
            header: Header::default(),
            congestion_algorithm: Some("cubic"),
            attributes: Attributes::default(),
            attribute_bitmap: 0,
            undecoded_attributes: &[],
            meminfo: None,
            skmeminfo: None,
            congestion: None,
            tcp_info: Some(&tcp_info(n)),
        });
    }
    let batch = snapshots.take();
    let count = batch.rows();
    let (_, mut columns) = sent(&tables::SNAPSHOTS, Vec::new());
    for (column, array) in columns.iter_mut().zip(batch.columns) {
        column.array = array;
    }
    let rows = Rows::convert(&tables::SNAPSHOTS, "spool-1", 1, count, columns).unwrap();
    append_batch(lake, &tables::SNAPSHOTS, rows).await;
}
