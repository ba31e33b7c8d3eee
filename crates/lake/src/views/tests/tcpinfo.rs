//! `ndt.tcpinfo` beside what was generated, however it lies in files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray as _, RecordBatch, StructArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use chrono::{TimeDelta, Utc};
use trigpoint_record::tables::snapshots::{Attributes, Header, Snapshot, Snapshots};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS};
use trigpoint_tcpinfo::TcpInfo;

use super::rows::{BALTIMORE, annotate, flow, flow_id, lake, station, tcp_info};
use crate::testing::{MIDNIGHT, csv, rows, sent};
use crate::{Compaction, Group, Lake, Rows};

const DAY_US: i64 = 86_400_000_000;

/// A connection: its cookie, its day after [`MIDNIGHT`], and how many snapshots.
#[derive(Clone, Copy)]
struct Connection {
    cookie: u64,
    day: i64,
    snapshots: u64,
}

impl Connection {
    fn id(self) -> String {
        flow_id(self.cookie).to_string()
    }

    fn opened(self) -> i64 {
        MIDNIGHT + self.day * DAY_US + self.cookie as i64
    }

    fn bytes_acked(self, n: u64) -> u64 {
        self.cookie * 1_000_000 + n
    }
}

/// Forty connections of two days, some without snapshots, one with many.
fn connections() -> Vec<Connection> {
    let snapshots = |cookie: u64| match cookie {
        7 => 5000,
        cookie if cookie.is_multiple_of(5) => 0,
        cookie => cookie * 37 % 101,
    };
    let day = |cookie: u64| i64::from(cookie.is_multiple_of(3));
    let connection = |cookie| Connection { cookie, day: day(cookie), snapshots: snapshots(cookie) };
    (1..=40).map(connection).collect()
}

async fn append_flows(lake: &Lake, seq: u64, connections: &[Connection]) {
    let row = |connection: &Connection| {
        let mut flow = flow(connection.cookie, None);
        flow.opened_time = connection.opened();
        flow.polls_unchanged = flow.polls_done.saturating_sub(connection.snapshots);
        flow.polls_done = flow.polls_unchanged + connection.snapshots;
        let mut row = flow.into_row(&station("lga03", ""));
        annotate(&FLOWS, &mut row, "client", BALTIMORE);
        row
    };
    let rows = rows(&FLOWS, seq, connections.iter().map(row).collect());
    append(lake, &FLOWS, seq, rows).await;
}

/// Snapshots of these numbers of each connection, as one commit.
async fn append_snapshots(lake: &Lake, seq: u64, parts: &[(Connection, Range<u64>)]) {
    let mut snapshots = Snapshots::new(station("lga03", ""));
    for (connection, numbers) in parts {
        for n in numbers.clone() {
            let bytes = connection.bytes_acked(n);
            push(&mut snapshots, *connection, n, Some(&tcp_info(bytes, 0)).filter(|_| n != 3));
        }
    }
    let batch = snapshots.take();
    let count = batch.rows();
    let (_, mut columns) = sent(&SNAPSHOTS, Vec::new());
    for (column, array) in columns.iter_mut().zip(batch.columns) {
        column.array = array;
    }
    let rows = Rows::convert(&SNAPSHOTS, "spool-1", seq, count, columns).unwrap();
    append(lake, &SNAPSHOTS, seq, rows).await;
}

fn push(snapshots: &mut Snapshots, of: Connection, n: u64, tcp_info: Option<&TcpInfo>) {
    snapshots.push(&Snapshot {
        flow_id: &flow_id(of.cookie),
        opened_time: of.opened(),
        n,
        poll_no: n,
        elapsed_us: 10_000 * n,
        request_time: of.opened(),
        reply_time: of.opened() + 10_000 * n as i64,
        polls_unchanged_before: 0,
        polls_missed_before: 0,
        header: Header { family: 10, state: 1, interface: 4, ..Header::default() },
        congestion_algorithm: Some("bbr"),
        attributes: Attributes { tos: Some(8), ..Attributes::default() },
        attribute_bitmap: 0b101_0100,
        undecoded_attributes: &[],
        meminfo: None,
        skmeminfo: None,
        congestion: None,
        tcp_info,
    });
}

async fn append(lake: &Lake, table: &'static trigpoint_record::Table, seq: u64, rows: Rows) {
    let group = Group { app_id: "a".to_owned(), last_seq: seq, rows: vec![rows] };
    lake.append(table, vec![group]).await.unwrap();
}

/// A lake where no connection is in one file: the files of the first commits
/// hold a quarter of each, and rows of connections that have not ended.
async fn divided(directory: &tempfile::TempDir) -> Lake {
    let (lake, all) = (lake(directory), connections());
    for quarter in 0..4 {
        let mut parts: Vec<_> = all
            .iter()
            .map(|it| (*it, it.snapshots * quarter / 4..it.snapshots * (quarter + 1) / 4))
            .collect();
        let open = Connection { cookie: 1000, day: 0, snapshots: 40 };
        parts.push((open, quarter * 10..(quarter + 1) * 10));
        append_snapshots(&lake, quarter + 1, &parts).await;
    }
    append_flows(&lake, 1, &all[..25]).await;
    append_flows(&lake, 2, &all[25..]).await;
    lake
}

async fn collect(lake: &Lake, sql: &str) -> Vec<RecordBatch> {
    lake.session().query(sql).await.unwrap().collect().await.unwrap()
}

fn field<'a>(of: &'a StructArray, path: &str) -> &'a dyn arrow::array::Array {
    let mut names = path.split('.').peekable();
    let mut array = of;
    loop {
        let name = names.next().unwrap();
        let column = array.column_by_name(name).unwrap_or_else(|| panic!("no field {name}"));
        if names.peek().is_none() {
            return column.as_ref();
        }
        array = column.as_struct();
    }
}

/// `BytesAcked` of each snapshot of each connection of an answer with `id` and `raw`.
fn bytes_acked(batches: &[RecordBatch]) -> BTreeMap<String, Vec<Option<i64>>> {
    let mut found = BTreeMap::new();
    for batch in batches {
        let raw = batch.column_by_name("raw").unwrap().as_struct();
        let lists = field(raw, "Snapshots").as_list::<i32>();
        for row in 0..batch.num_rows() {
            let items = lists.value(row);
            let values = field(items.as_struct(), "TCPInfo.BytesAcked").as_primitive::<Int64Type>();
            let id = field(raw, "Metadata.UUID");
            let id = arrow::compute::cast(id, &arrow::datatypes::DataType::Utf8).unwrap();
            let id = id.as_string::<i32>().value(row).to_owned();
            assert!(found.insert(id, values.iter().collect()).is_none(), "a connection came twice");
        }
    }
    found
}

fn expected(of: impl IntoIterator<Item = Connection>) -> BTreeMap<String, Vec<Option<i64>>> {
    let value = |it: Connection, n| Some(it.bytes_acked(n) as i64).filter(|_| n != 3);
    of.into_iter().map(|it| (it.id(), (0..it.snapshots).map(|n| value(it, n)).collect())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_all_its_snapshots_in_order_whichever_files_they_are_in() {
    let directory = tempfile::tempdir().unwrap();
    let lake = divided(&directory).await;
    let all = "SELECT id, raw FROM ndt.tcpinfo";
    assert_eq!(bytes_acked(&collect(&lake, all).await), expected(connections()));

    let settings = Compaction { small_files: 1, ..Compaction::default() };
    let now = Utc::now() + TimeDelta::days(3);
    let compacted = lake.compact(&SNAPSHOTS, &settings, now).await.unwrap();
    assert!(compacted.files_added < compacted.files_removed, "{compacted:?}");
    assert_eq!(bytes_acked(&collect(&lake, all).await), expected(connections()));
}

/// Its later rows come before its earlier ones, file by file; the first and the
/// last connection of the day have a file each.
#[tokio::test]
async fn a_connection_on_the_border_of_files_has_its_snapshots_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (lake, all) = (lake(&directory), connections());
    append_flows(&lake, 1, &all).await;
    let day = |cookies: Range<usize>| {
        let day = all[cookies.start - 1..cookies.end - 1].iter().filter(|it| it.day == 0);
        day.map(|it| (*it, 0..it.snapshots)).collect::<Vec<_>>()
    };
    let (divided, half) = (all[18], all[18].snapshots / 2);
    let upper = [&[(divided, 0..half)][..], &day(20..38)[..]].concat();
    let lower = [&day(2..19)[..], &[(divided, half..divided.snapshots)]].concat();
    for (seq, parts) in (1..).zip([day(1..2), upper, lower, day(38..39)]) {
        append_snapshots(&lake, seq, &parts).await;
    }
    let until = |cookies: Range<usize>| day(cookies).into_iter().map(|(it, _)| it);
    let first_day = "SELECT raw FROM ndt.tcpinfo WHERE date = '2026-11-24'";
    let sql = format!("{first_day} AND id <= '{}'", flow_id(38));
    assert_eq!(bytes_acked(&collect(&lake, &sql).await), expected(until(1..39)));
    for cookie in [1, 2, 19, 37, 38] {
        let sql = format!("{first_day} AND id = '{}'", flow_id(cookie));
        let cookie = cookie as usize;
        assert_eq!(bytes_acked(&collect(&lake, &sql).await), expected(until(cookie..cookie + 1)));
    }
}

#[tokio::test]
async fn filters_on_id_date_and_the_client_leave_out_connections() {
    let directory = tempfile::tempdir().unwrap();
    let lake = divided(&directory).await;
    let second_day = || connections().into_iter().filter(|it| it.day == 1);
    let id = flow_id(12);
    for (filter, left) in [
        ("date = '2026-11-25'".to_owned(), expected(second_day())),
        (format!("id = '{id}'"), expected(second_day().filter(|it| it.cookie == 12))),
        (format!("id = '{id}' AND date = '2026-11-24'"), BTreeMap::new()),
        (
            "client.Geo.CountryCode = 'US' AND date > '2026-11-24'".to_owned(),
            expected(second_day()),
        ),
        ("client.Geo.CountryCode = 'IT'".to_owned(), BTreeMap::new()),
        (
            "SnapshotCount > 4000".to_owned(),
            expected(connections().into_iter().filter(|it| it.cookie == 7)),
        ),
        (
            "ARRAY_LENGTH(raw.Snapshots) > 4000".to_owned(),
            expected(connections().into_iter().filter(|it| it.cookie == 7)),
        ),
    ] {
        let sql = format!("SELECT raw FROM ndt.tcpinfo WHERE {filter}");
        assert_eq!(bytes_acked(&collect(&lake, &sql).await), left, "{filter}");
    }
    let one = collect(&lake, "SELECT raw FROM ndt.tcpinfo LIMIT 1").await;
    assert_eq!(bytes_acked(&one).len(), 1);
}

#[tokio::test]
async fn a_snapshot_has_m_labs_fields() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    let connection = Connection { cookie: 2, day: 0, snapshots: 4 };
    append_snapshots(&lake, 1, &[(connection, 0..4)]).await;
    append_flows(&lake, 1, &[connection]).await;
    let batches = collect(&lake, "SELECT raw FROM ndt.tcpinfo").await;
    let raw = batches[0].column(0).as_struct();
    let started = field(raw, "Metadata.StartTime").as_primitive::<TimestampMicrosecondType>();
    assert_eq!(started.value(0), connection.opened());
    let items = field(raw, "Snapshots").as_list::<i32>().value(0);
    let items = items.as_struct();
    let times = field(items, "Timestamp").as_primitive::<TimestampMicrosecondType>();
    assert_eq!(times.value(2), connection.opened() + 20_000);
    for (path, value) in [
        ("Observed", 0b10_1010),
        ("NotFullyParsed", 0),
        ("InetDiagMsg.IDiagFamily", 10),
        ("InetDiagMsg.ID.Interface", 4),
        ("TOS", 8),
        ("TCPInfo.WScale", 0x97),
        ("TCPInfo.RTT", 30_000),
        ("TCPInfo.SndCwnd", 80),
    ] {
        assert_eq!(field(items, path).as_primitive::<Int64Type>().value(2), value, "{path}");
    }
    assert_eq!(field(items, "CongestionAlgorithm").as_string::<i32>().value(2), "bbr");
    // The fourth had no tcp_info, none had memory or BBR.
    let is_null = |path, row| field(items, path).is_null(row);
    assert!(!is_null("TCPInfo", 2) && is_null("TCPInfo", 3));
    assert!(is_null("BBRInfo", 2) && is_null("SocketMem", 2) && is_null("Mark", 2));
}

#[tokio::test]
async fn lists_can_be_counted_taken_apart_and_joined() {
    let directory = tempfile::tempdir().unwrap();
    let lake = divided(&directory).await;
    let count: u64 = connections().iter().map(|it| it.snapshots).sum();
    for sql in [
        "SELECT SUM(SnapshotCount) FROM ndt.tcpinfo",
        "SELECT SUM(ARRAY_LENGTH(raw.Snapshots)) FROM ndt.tcpinfo",
        "SELECT COUNT(*) FROM (SELECT UNNEST(raw.Snapshots) FROM ndt.tcpinfo)",
        "SELECT SUM(ARRAY_LENGTH(a.raw.Snapshots))
            FROM ndt.tcpinfo AS a JOIN ndt.annotation2 AS b ON a.id = b.id AND a.date = b.date
            WHERE b.client.Geo.CountryCode = 'US'",
    ] {
        assert_eq!(csv(&lake, sql).await, [count.to_string()], "{sql}");
    }
    // Also above a join, lengths are counted without reading what is in the lists.
    let joined = "EXPLAIN SELECT ARRAY_LENGTH(t.raw.Snapshots)
        FROM ndt.ndt7 AS n JOIN ndt.tcpinfo AS t ON n.id = t.id AND n.date = t.date
        WHERE t.client.Geo.CountryCode = 'US'";
    let plan = csv(&lake, joined).await.join("\n");
    assert!(plan.contains("lengths of the lists of snapshots"), "{plan}");
    let last = "SELECT raw.Snapshots[4999].TCPInfo.BytesAcked FROM ndt.tcpinfo
        WHERE SnapshotCount = 5000";
    assert_eq!(csv(&lake, last).await, ["7004998"]);
    assert_eq!(csv(&lake, "SELECT COUNT(*) FROM ndt.tcpinfo").await, ["40"]);
}

#[tokio::test]
async fn lists_come_a_few_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let lake = divided(&directory).await;
    let first_day = "SELECT raw FROM ndt.tcpinfo WHERE date = '2026-11-24'";
    let batches = collect(&lake, first_day).await;
    let first = bytes_acked(&batches[..1]);
    assert_eq!(first.last_key_value().unwrap().0, &flow_id(7).to_string());
    assert!(batches.len() > 1);

    let others = (101..=300).map(|cookie| Connection { cookie, day: 0, snapshots: 0 });
    append_flows(&lake, 3, &others.collect::<Vec<_>>()).await;
    let filtered =
        collect(&lake, &format!("{first_day} AND ARRAY_LENGTH(raw.Snapshots) = 0")).await;
    let rows = filtered.iter().map(RecordBatch::num_rows);
    assert!(rows.clone().sum::<usize>() > 200 && rows.max().unwrap() <= 64);
}

#[tokio::test]
async fn before_there_are_snapshots_the_lists_are_empty() {
    let directory = tempfile::tempdir().unwrap();
    let lake = lake(&directory);
    append_flows(&lake, 1, &connections()[..3]).await;
    let sql = "SELECT ARRAY_LENGTH(raw.Snapshots) FROM ndt.tcpinfo";
    assert_eq!(csv(&lake, sql).await, ["0", "0", "0"]);
}

/// The files of a table's date.
fn files(directory: &tempfile::TempDir, table: &str, date: &str) -> Vec<PathBuf> {
    let folder = directory.path().join("lake").join(table).join(format!("date={date}"));
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "parquet")).collect()
}

fn spoil(file: &Path) {
    let length = std::fs::metadata(file).unwrap().len() as usize;
    std::fs::write(file, vec![0; length]).unwrap();
}

async fn fails(lake: &Lake, sql: &str) -> bool {
    lake.session().query(sql).await.unwrap().collect().await.is_err()
}

#[tokio::test]
async fn a_query_that_does_not_name_raw_opens_no_file_of_snapshots() {
    let directory = tempfile::tempdir().unwrap();
    let lake = divided(&directory).await;
    for date in ["2026-11-24", "2026-11-25"] {
        for file in files(&directory, SNAPSHOTS.name, date) {
            spoil(&file);
        }
    }
    assert_eq!(csv(&lake, "SELECT COUNT(*) FROM ndt.tcpinfo").await, ["40"]);
    let without = "SELECT * EXCEPT (raw) FROM ndt.tcpinfo WHERE id = ";
    assert_eq!(csv(&lake, &format!("{without}'{}'", flow_id(7))).await.len(), 1);
    let final_rtt = "SELECT COUNT(a.FinalSnapshot.TCPInfo.RTT), SUM(SnapshotCount) > 0,
        COUNT(raw.Metadata.UUID) FROM ndt.tcpinfo";
    assert_eq!(csv(&lake, final_rtt).await, ["40,true,40"]);
    assert!(fails(&lake, "SELECT raw FROM ndt.tcpinfo").await);
}

#[tokio::test]
async fn files_of_other_dates_and_other_connections_are_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let (lake, all) = (lake(&directory), connections());
    append_flows(&lake, 1, &all).await;
    let parts = |cookies: Range<u64>| -> Vec<(Connection, Range<u64>)> {
        let parts = all.iter().filter(|it| cookies.contains(&it.cookie));
        parts.map(|it| (*it, 0..it.snapshots)).collect()
    };
    append_snapshots(&lake, 1, &parts(1..20)).await;
    let before = files(&directory, SNAPSHOTS.name, "2026-11-24");
    append_snapshots(&lake, 2, &parts(20..41)).await;
    let second: Vec<_> = files(&directory, SNAPSHOTS.name, "2026-11-24")
        .into_iter()
        .filter(|file| !before.contains(file))
        .collect();
    assert_eq!((before.len(), second.len()), (1, 1));

    spoil(&second[0]);
    let of_date = "SELECT raw FROM ndt.tcpinfo WHERE date = '2026-11-25'";
    let second_day = all.iter().copied().filter(|it| it.day == 1);
    assert_eq!(bytes_acked(&collect(&lake, of_date).await), expected(second_day));
    let of_first = format!("SELECT raw FROM ndt.tcpinfo WHERE id = '{}'", flow_id(7));
    assert_eq!(bytes_acked(&collect(&lake, &of_first).await), expected([all[6]]));
    assert!(fails(&lake, "SELECT raw FROM ndt.tcpinfo WHERE date = '2026-11-24'").await);
}
