//! Rows of the real tables, with addresses wherever one can get in.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use trigpoint_record::tables::flows::Flow;
use trigpoint_record::tables::snapshots::{Attributes, Header, Snapshot, Snapshots};
use trigpoint_record::tables::speed_tests::{
    ClientMeasurement, Direction, EndReason, ServerMeasurement, SpeedTest, Transport,
};
use trigpoint_record::tables::traces::{
    self, Answer, BranchEnd, Findings, Limits, Match, Node, Outcome, Probe, Purpose, Reply, Rtt,
    Run, Trace,
};
use trigpoint_record::tables::{FLOWS, SNAPSHOTS, SPEED_TESTS, TRACES};
use trigpoint_record::{Batch, FlowId, FlowIdPrefix, Station, Table, Value};

use super::scan::Scan;
use super::*;
use crate::testing::MIDNIGHT;
use crate::{Rows, Sent};

const CLIENTS: [&str; 2] = ["198.51.100.77", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1234"];
const NETWORKS: [&str; 2] = ["198.51.100.0", "2001:db8:aaaa::"];
/// On the way to each client: one of its own network, and one before it.
const ROUTERS: [[&str; 2]; 2] =
    [["203.0.113.99", "198.51.100.99"], ["2001:db8:cccc::99", "2001:db8:aaaa::99"]];

fn real_lake(directory: &tempfile::TempDir) -> Lake {
    Lake::open(&directory.path().join("lake").to_string_lossy()).unwrap()
}

/// A batch of one table, as a station of this version sends it.
async fn append(lake: &Lake, table: &'static Table, seq: u64, batch: Batch) {
    let count = batch.rows();
    let columns = table.columns.iter().zip(batch.columns);
    let sent = columns.map(|(column, array)| Sent { description: column.into(), array }).collect();
    let rows = vec![Rows::convert(table, "spool-1", seq, count, sent).unwrap()];
    lake.append(table, vec![Group { app_id: "a".to_owned(), last_seq: seq, rows }]).await.unwrap();
}

fn one(table: &'static Table, row: Vec<Value>) -> Batch {
    let mut batch = Batch::new(table);
    batch.push(row).unwrap();
    batch
}

/// A test from `client` with its flow and a snapshot, `days` after the first date.
async fn measured(lake: &Lake, seq: u64, client: &str, days: i64) {
    let address: IpAddr = client.parse().unwrap();
    let (remote, local) = (SocketAddr::new(address, 49_152), "192.0.2.1:443".parse().unwrap());
    let opened_time = MIDNIGHT + days * DAY_US;
    let flow_id = FlowIdPrefix::new("pod-1", 1_700_000_000).flow_id(seq);
    let station = Station { site: "lga03".into(), ..Station::default() };
    let json = format!(r#"{{"ConnectionInfo":{{"Client":"{remote}","Server":"{local}"}}}}"#);

    let test = SpeedTest {
        flow_id: flow_id.clone(),
        test_id: flow_id.to_string(),
        opened_time,
        direction: Direction::Download,
        transport: Transport::Wss,
        client: remote,
        server: local,
        start_time: opened_time,
        end_time: opened_time,
        elapsed_us: 1,
        end_reason: EndReason::Completed,
        end_detail: Some(format!("connection to {remote} was reset")),
        client_close_code: None,
        client_metadata: vec![
            ("client_name".into(), format!("client at {client}")),
            (format!("from-{client}"), client.to_owned()),
        ],
        server_metadata: Vec::new(),
        server_measurements: vec![ServerMeasurement {
            elapsed_us: 1,
            app_info: None,
            bbr: None,
            tcp_info: None,
            json: json.clone(),
        }],
        client_measurements: vec![ClientMeasurement {
            received_elapsed_us: 1,
            app_info: None,
            json,
        }],
        application_bytes: 12_345,
        socket_written_bytes: 1,
        socket_read_bytes: 1,
        last: None,
        congestion_control: None,
        congestion_control_requested: None,
        tls: None,
    };
    let flow = Flow {
        flow_id: flow_id.clone(),
        opened_time,
        closed_time: opened_time,
        cookie: seq,
        family: 10,
        local,
        remote,
        test_id: None,
        congestion_algorithm: None,
        polls_done: 1,
        polls_unchanged: 0,
        polls_missed: 0,
        watched: None,
        longest_gap_us: None,
        rtt: None,
        last_poll: None,
        destroyed: None,
    };
    let bytes = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut snapshots = Snapshots::new(station.clone());
    snapshots.push(&Snapshot {
        flow_id: &flow_id,
        opened_time,
        n: 0,
        poll_no: 0,
        elapsed_us: 1,
        request_time: opened_time,
        reply_time: opened_time,
        polls_unchanged_before: 0,
        polls_missed_before: 0,
        header: Header::default(),
        congestion_algorithm: None,
        attributes: Attributes::default(),
        attribute_bitmap: 0,
        // TCP_MD5SIG keys name the peer (inet_diag.h, INET_DIAG_MD5SIG).
        undecoded_attributes: &[(18, bytes)],
        meminfo: None,
        skmeminfo: None,
        congestion: None,
        tcp_info: None,
    });
    append(lake, &SNAPSHOTS, seq, snapshots.take()).await;
    append(lake, &FLOWS, seq, one(&FLOWS, flow.into_row(&station))).await;
    append(lake, &SPEED_TESTS, seq, one(&SPEED_TESTS, test.into_row(&station))).await;
    let trace = trace(&flow_id, opened_time, address);
    append(lake, &TRACES, seq, one(&TRACES, trace.into_row(&station))).await;
}

/// A trace to `target` over its routers, and a row without one.
fn trace(flow_id: &FlowId, opened_time: i64, target: IpAddr) -> Trace {
    let [afar, near] = ROUTERS[usize::from(target.is_ipv6())].map(|ip| ip.parse().unwrap());
    let path = [afar, near, target];
    let node = |(ttl, ip): (u8, IpAddr)| Node {
        ttl,
        node: 0,
        ip: Some(ip),
        flows: vec![0],
        end: (ip == target).then_some(BranchEnd::Target),
        mpls: Vec::new(),
        is_per_packet_balancer: false,
    };
    let probe = |(ttl, ip): (u8, IpAddr)| Probe {
        ttl,
        flow: 0,
        purpose: Purpose::Discovery,
        source_port: Some(40_000),
        sent_time: opened_time,
        was_lost: false,
        is_outdated: false,
        reply: Some(Reply {
            ip,
            answer: if ip == target { Answer::Target } else { Answer::TimeExceeded },
            matched: Match::Nonce,
            rtt: Rtt::Kernel(1),
            elapsed_us: 2,
            ttl: Some(64),
            tos: None,
            ip_id: None,
            quoted_ttl: None,
            quoted_tos: None,
            quoted_ip_id: None,
        }),
    };
    let run = Run {
        source: Some("192.0.2.1".parse().unwrap()),
        protocol: traces::Protocol::Udp,
        destination_port: Some(33_435),
        probe_bytes: Some(52),
        receiver: traces::Receiver::ErrorQueue,
        algorithm: traces::Algorithm::MdaLite,
        failure_probability: 0.05,
        failure_probability_scope: traces::Scope::Trace,
        limits: Limits {
            max_probes: 3000,
            max_ttl: 32,
            gap_limit: 3,
            attempts: 2,
            reply_timeout_ms: 1000,
        },
        start_time: opened_time,
        end_time: opened_time,
        elapsed_us: 1,
        stop_reason: Some(traces::StopReason::Completed),
        reaches_target: true,
        confidence: 0.95,
        path_changes: 0,
        ignored_replies: 0,
        hops: Vec::new(),
        nodes: (1..).zip(path).map(node).collect(),
        links: Vec::new(),
        diamonds: Vec::new(),
        probes: (1..).zip(path).map(probe).collect(),
    };
    Trace {
        flow_id: flow_id.clone(),
        opened_time,
        trace_id: flow_id.trace_id(opened_time),
        test_id: None,
        trigger: traces::Trigger::Close,
        cached: None,
        findings: Findings {
            target,
            outcome: Outcome::Complete,
            outcome_detail: Some(format!("{target} answered")),
            run: Some(Arc::new(run)),
        },
    }
}

async fn cut_all(lake: &Lake, before: &str) -> u64 {
    let before = before.parse().unwrap();
    let mut files = 0;
    for table in lake.tables() {
        files += lake.cut_addresses(table, before, Utc::now()).await.unwrap().files;
    }
    files
}

/// Vacuum and log clean-up, a day after the merges of these tests.
async fn clean(lake: &Lake) {
    let now = next_day() + TimeDelta::days(1);
    for table in lake.tables() {
        lake.vacuum(table, &Vacuum::default(), now).await.unwrap();
        lake.clean_log(table, &LogCleaning::default(), now).await.unwrap();
    }
}

fn every_place(lake: &Path) -> Scan {
    Scan::of(lake, &CLIENTS.map(|client| client.parse().unwrap()))
}

#[tokio::test]
async fn after_cutting_and_vacuum_no_object_holds_an_address_of_the_dates() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("lake");
    let lake = real_lake(&directory);
    for (seq, client) in (1..).zip(CLIENTS) {
        measured(&lake, seq, client, 0).await;
    }
    lake.quarantine("a", 9, "speed_tests", format!("poison {}", CLIENTS[0]).into()).await.unwrap();
    let orphan = root.join("flows/date=2026-11-24/part-99.zstd.parquet");
    fs::copy(root.join("flows").join(&paths(&lake, &FLOWS).await[0]), &orphan).unwrap();
    fs::copy(&orphan, orphan.with_extension("parquet#1")).unwrap();
    let found = every_place(&root);
    for place in ["speed_tests/", "flows/", "snapshots/", "traces/", "quarantine/", "part-99", "#1"]
    {
        assert!(found.names(place), "the scan must find what is there: {place} in {found:?}");
    }

    assert_eq!(cut_all(&lake, "2026-11-25").await, 8);
    lake.empty_quarantine(Utc::now().date_naive() + chrono::Days::new(1)).await.unwrap();
    clean(&lake).await;
    assert_eq!(every_place(&root).count(), 0, "{:?}", every_place(&root));

    let sql = "SELECT client_ip, client_name, end_detail, server_measurements[1]['json'], \
               client_measurements[1]['json'], client_metadata[2]['name'], server_ip, \
               application_bytes FROM speed_tests ORDER BY flow_id LIMIT 1";
    let json = r#""{""ConnectionInfo"":{""Client"":""198.51.100.0:49152"",""Server"":""192.0.2.0:443""}}""#;
    let row = format!(
        "198.51.100.0,client at 198.51.100.0,connection to 198.51.100.0:49152 was reset,{json},\
         {json},from-198.51.100.0,192.0.2.1,12345"
    );
    assert_eq!(csv(&lake, sql).await, [row]);
    let networks = csv(&lake, "SELECT remote_ip FROM flows ORDER BY flow_id").await;
    assert_eq!(networks, NETWORKS);
    let path = "SELECT target_ip, outcome_detail, nodes[1]['ip'], nodes[2]['ip'], nodes[3]['ip'], \
                probes[1]['reply_ip'], probes[2]['reply_ip'], source_ip FROM traces ORDER BY flow_id";
    let cut = [
        "198.51.100.0,198.51.100.0 answered,203.0.113.99,198.51.100.0,198.51.100.0,203.0.113.99,198.51.100.0,192.0.2.1",
        "2001:db8:aaaa::,2001:db8:aaaa:: answered,2001:db8:cccc::99,2001:db8:aaaa::,2001:db8:aaaa::,2001:db8:cccc::99,2001:db8:aaaa::,192.0.2.1",
    ];
    assert_eq!(csv(&lake, path).await, cut);
    let types = "SELECT undecoded_attributes[1]['type'], undecoded_attributes[1]['bytes'] \
                 FROM snapshots";
    assert_eq!(csv(&lake, types).await, ["18,", "18,"]);
    let poison = root.join("quarantine/speed_tests/a/00000000000000000009.payload");
    assert_eq!(fs::metadata(poison).unwrap().len(), 0, "its name says that it was there");
}

async fn paths(lake: &Lake, table: &'static Table) -> Vec<String> {
    let open = crate::table::Open::existing(table, lake.log_store(table)).await.unwrap().unwrap();
    live::files(&open).unwrap().iter().map(|file| file.path.to_string()).collect()
}

#[tokio::test]
async fn newer_dates_keep_their_addresses_and_a_date_is_cut_once() {
    let directory = tempfile::tempdir().unwrap();
    let lake = real_lake(&directory);
    measured(&lake, 1, CLIENTS[0], 0).await;
    measured(&lake, 2, CLIENTS[0], 1).await;
    assert_eq!(cut_all(&lake, "2026-11-25").await, 4);
    let sql = "SELECT client_ip FROM speed_tests ORDER BY date";
    assert_eq!(csv(&lake, sql).await, [NETWORKS[0], CLIENTS[0]]);
    assert_eq!(cut_all(&lake, "2026-11-25").await, 0);
    assert_eq!(cut_all(&lake, "2026-11-24").await, 0);
}

#[tokio::test]
async fn late_rows_are_cut_by_the_next_round_also_when_they_were_merged() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("lake");
    let lake = real_lake(&directory);
    measured(&lake, 1, CLIENTS[0], 0).await;
    cut_all(&lake, "2026-11-25").await;
    measured(&lake, 2, CLIENTS[1], 0).await;
    let at_once = Compaction { closed_after: Duration::ZERO, ..Compaction::default() };
    for table in lake.tables() {
        lake.compact(table, &at_once, Utc::now()).await.unwrap();
    }
    assert_eq!(csv(&lake, "SELECT count(*) FROM flows").await, ["2"]);
    assert_eq!(cut_all(&lake, "2026-11-25").await, 4);
    clean(&lake).await;
    assert_eq!(every_place(&root).count(), 0, "{:?}", every_place(&root));
    let networks = csv(&lake, "SELECT remote_ip FROM flows ORDER BY flow_id").await;
    assert_eq!(networks, NETWORKS);
}

#[tokio::test]
async fn a_cut_file_is_sorted_and_bounded_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let lake = real_lake(&directory);
    for seq in 1..=3 {
        measured(&lake, seq, CLIENTS[0], 0).await;
    }
    for table in lake.tables() {
        lake.compact(table, &Compaction::default(), next_day()).await.unwrap();
    }
    let open = || async {
        crate::table::Open::existing(&FLOWS, lake.log_store(&FLOWS)).await.unwrap().unwrap()
    };
    let before = live::files(&open().await).unwrap().remove(0);
    cut_all(&lake, "2026-11-25").await;
    let after = live::files(&open().await).unwrap().remove(0);
    assert_eq!((after.rows, after.low, after.high), (before.rows, before.low, before.high));
    assert_eq!(after.statistics, before.statistics);
    let again = lake.compact(&FLOWS, &Compaction::default(), next_day()).await.unwrap();
    assert_eq!(again, Compacted::default());
}

/// Snapshots hold addresses only in attributes that nearly no row has.
#[tokio::test]
async fn a_file_without_addresses_is_marked_and_not_encoded_again() {
    let directory = tempfile::tempdir().unwrap();
    let lake = real_lake(&directory);
    let mut batch = Batch::new(&SNAPSHOTS);
    let mut row = vec![Value::Null; SNAPSHOTS.columns.len()];
    row[0] = Value::Text("pod-1_1700000000_0000000000000001".to_owned());
    row[1] = Value::Time(MIDNIGHT);
    batch.push(row).unwrap();
    append(&lake, &SNAPSHOTS, 1, batch).await;
    let table = directory.path().join("lake/snapshots");
    let before = fs::read(table.join(&paths(&lake, &SNAPSHOTS).await[0])).unwrap();
    assert_eq!(cut_all(&lake, "2026-11-25").await, 1);
    let after = fs::read(table.join(&paths(&lake, &SNAPSHOTS).await[0])).unwrap();
    assert_eq!(after, before);
    assert_eq!(cut_all(&lake, "2026-11-25").await, 0);
    assert_eq!(csv(&lake, "SELECT count(*) FROM snapshots").await, ["1"]);
}

#[tokio::test]
async fn a_replacement_that_is_overtaken_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let lake = Arc::new(real_lake(&directory));
    for seq in 1..=4 {
        measured(&lake, seq, CLIENTS[0], 0).await;
    }
    let before = "2026-11-25".parse().unwrap();
    let settings = Compaction::default();
    let (cut, compacted) = tokio::join!(
        lake.cut_addresses(&FLOWS, before, Utc::now()),
        lake.compact(&FLOWS, &settings, next_day()),
    );
    cut.unwrap();
    compacted.unwrap();
    lake.cut_addresses(&FLOWS, before, Utc::now()).await.unwrap();
    let answer = csv(&lake, "SELECT count(*), count(DISTINCT flow_id) FROM flows").await;
    assert_eq!(answer, ["4,4"]);
    assert_eq!(csv(&lake, "SELECT DISTINCT remote_ip FROM flows").await, [NETWORKS[0]]);
}
