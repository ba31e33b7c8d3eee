//! Traceroutes in M-Lab's shape and flat.

use std::net::IpAddr;
use std::sync::Arc;

use trigpoint_record::tables::TRACES;
use trigpoint_record::tables::traces::{
    Algorithm, Answer, Findings, Limits, Link, Match, Node, Origin, Outcome, Probe, Protocol,
    Purpose, Receiver, Reply, Rtt, Run, Scope, StopReason, Trace, Trigger,
};
use trigpoint_record::{Kind, Value};

use super::rows::{append, flow_id, place, station, world};
use crate::Lake;
use crate::testing::{MIDNIGHT, csv};

const ROUTER: &str = "203.0.113.254";
const TARGET: &str = "198.51.100.1";

fn node(ttl: u8, node: u64, ip: Option<&str>) -> Node {
    let ip = ip.map(|ip| ip.parse::<IpAddr>().unwrap());
    let (flows, mpls) = (vec![0, 1], Vec::new());
    Node { ttl, node, ip, flows, end: None, mpls, is_per_packet_balancer: false }
}

fn probe(ttl: u8, flow: u16, reply: Option<(&str, Answer)>) -> Probe {
    let reply = reply.map(|(ip, answer)| Reply {
        ip: ip.parse().unwrap(),
        answer,
        matched: Match::Nonce,
        rtt: Rtt::Kernel(1500 * u64::from(ttl)),
        elapsed_us: 1600,
        ttl: Some(63),
        tos: None,
        ip_id: None,
        quoted_ttl: None,
        quoted_tos: None,
        quoted_ip_id: None,
    });
    Probe {
        ttl,
        flow,
        purpose: Purpose::Discovery,
        source_port: Some(40_000 + flow),
        sent_time: MIDNIGHT + 12_000_001,
        was_lost: reply.is_none(),
        is_outdated: false,
        reply,
    }
}

/// A router, silence, the target.
fn run() -> Run {
    let link = |ttl| Link { ttl, from_node: 0, to_node: 0, flows: vec![0, 1] };
    Run {
        source: Some("203.0.113.1".parse().unwrap()),
        protocol: Protocol::Udp,
        destination_port: Some(33434),
        probe_bytes: Some(52),
        receiver: Receiver::ErrorQueue,
        algorithm: Algorithm::MdaLite,
        failure_probability: 0.05,
        failure_probability_scope: Scope::Trace,
        limits: Limits {
            max_probes: 3000,
            max_ttl: 32,
            gap_limit: 3,
            attempts: 2,
            reply_timeout_ms: 1500,
        },
        start_time: MIDNIGHT + 12_000_000,
        end_time: MIDNIGHT + 14_000_000,
        elapsed_us: 2_000_000,
        stop_reason: Some(StopReason::Completed),
        reaches_target: true,
        confidence: 0.96,
        path_changes: 0,
        ignored_replies: 0,
        hops: Vec::new(),
        nodes: vec![node(1, 0, Some(ROUTER)), node(2, 0, None), node(3, 0, Some(TARGET))],
        links: vec![link(0), link(1), link(2)],
        diamonds: Vec::new(),
        probes: vec![
            probe(1, 0, Some((ROUTER, Answer::TimeExceeded))),
            probe(2, 0, None),
            probe(3, 0, Some((TARGET, Answer::Unreachable(3)))),
            probe(3, 0, Some((TARGET, Answer::Unreachable(3)))),
        ],
    }
}

fn trace(n: u64, findings: Findings, cached: Option<Origin>) -> Vec<Value> {
    let flow_id = flow_id(n);
    let trace = Trace {
        trace_id: flow_id.trace_id(MIDNIGHT + 12_000_000),
        test_id: Some(flow_id.to_string()),
        flow_id,
        opened_time: MIDNIGHT + 1_000_000 * n as i64,
        trigger: Trigger::Close,
        cached,
        findings,
    };
    let mut row = trace.into_row(&station("lga03", ""));
    annotate(&mut row);
    row
}

/// What the collector adds to answers of the target.
fn annotate(row: &mut [Value]) {
    let at = place(TRACES.columns, "probes");
    let Kind::List(probe) = TRACES.columns[at].kind else { panic!("probes is no list") };
    let Kind::Struct(fields) = probe.kind else { panic!("a probe is no struct") };
    let Value::List(probes) = &mut row[at] else { return };
    for probe in probes {
        let Value::Struct(values) = probe else { panic!("a probe is no struct") };
        if values[place(fields, "reply_ip")] == Value::from(TARGET) {
            values[place(fields, "reply_country_code")] = "US".into();
            values[place(fields, "reply_asn")] = Value::Int(7922);
            values[place(fields, "reply_as_name")] = "Comcast".into();
        }
    }
}

/// Connection 1 was traced, 2 has the same trace, 3 was skipped.
async fn traced(directory: &tempfile::TempDir) -> Lake {
    let lake = world(directory).await;
    let findings = |outcome, run: Option<Run>| Findings {
        target: TARGET.parse().unwrap(),
        outcome,
        outcome_detail: None,
        run: run.map(Arc::new),
    };
    let origin =
        Origin { trace_id: flow_id(1).trace_id(MIDNIGHT + 12_000_000), flow_id: flow_id(1) };
    let rows = vec![
        trace(1, findings(Outcome::Complete, Some(run())), None),
        trace(2, findings(Outcome::Complete, Some(run())), Some(origin)),
        trace(3, findings(Outcome::SkippedExcluded, None), None),
    ];
    append(&lake, &TRACES, rows).await;
    lake
}

#[tokio::test]
async fn hops_have_a_row_for_each_probe() {
    let directory = tempfile::tempdir().unwrap();
    let lake = traced(&directory).await;
    let sql = "SELECT ttl, addr, reply, rtt_ms, asn, src, dst FROM ndt.hops WHERE NOT cached ORDER BY ttl";
    let expected = [
        "1,203.0.113.254,time_exceeded,1.5,,203.0.113.1,198.51.100.1",
        "2,,,,,203.0.113.1,198.51.100.1",
        "3,198.51.100.1,unreachable,4.5,7922,203.0.113.1,198.51.100.1",
        "3,198.51.100.1,unreachable,4.5,7922,203.0.113.1,198.51.100.1",
    ];
    assert_eq!(csv(&lake, sql).await, expected);
    assert_eq!(csv(&lake, "SELECT count(*) FROM ndt.hops").await, ["8"]);
}

#[tokio::test]
async fn a_trace_is_as_scamper_writes_it() {
    let directory = tempfile::tempdir().unwrap();
    let lake = traced(&directory).await;
    let head = "SELECT raw.Metadata.UUID = id, raw.Metadata.CachedResult, raw.Metadata.CachedUUID,
            raw.Tracelb.Src, raw.tracelb.dst, raw.Tracelb.method, raw.Tracelb.start.Sec,
            raw.Tracelb.start.Usec, raw.Tracelb.confidence, raw.Tracelb.wait_timeout,
            raw.Tracelb.gaplimit, cardinality(raw.Tracelb.nodes), client.Geo.City
        FROM ndt.scamper1 ORDER BY id";
    let start = MIDNIGHT / 1_000_000 + 12;
    let expected = |cached: &str, city: &str| {
        format!("true,{cached},203.0.113.1,198.51.100.1,udp-sport,{start},0,95.0,2.0,3.0,1,{city}")
    };
    let cached = format!("true,{}", flow_id(1));
    assert_eq!(csv(&lake, head).await, [expected("false,", "Baltimore"), expected(&cached, "")]);

    // Behind the router is silence, and behind that the target, in a second hop set.
    let hops = "SELECT node['addr'], node['hop_id'], node['linkc'], cardinality(node['links']),
            node['links'][1]['Links'][1]['addr'], node['links'][2]['Links'][1]['addr'],
            cardinality(node['links'][2]['Links'][1]['Probes']),
            node['links'][2]['Links'][1]['probes'][2]['attempt'],
            node['links'][2]['Links'][1]['probes'][1]['replies'][1]['rtt'],
            node['links'][2]['Links'][1]['probes'][1]['replies'][1]['icmp_type'],
            node['links'][2]['Links'][1]['probes'][1]['replies'][1]['rx']['Usec']
        FROM (SELECT unnest(raw.Tracelb.nodes) AS node FROM ndt_raw.scamper1
            WHERE NOT raw.Metadata.CachedResult)";
    let expected = "203.0.113.254,20261124_mlab1_203.0.113.254,1,2,*,198.51.100.1,2,1,4.5,3,4501";
    assert_eq!(csv(&lake, hops).await, [expected]);
}

#[tokio::test]
async fn a_router_is_annotated_once_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let lake = traced(&directory).await;
    let sql = "SELECT id, raw.Annotations.Geo.CountryCode, raw.Annotations.Network.ASNumber,
        raw.Annotations.Network.Missing FROM ndt_raw.hopannotation2 ORDER BY id";
    let expected =
        ["20261124_mlab1_198.51.100.1,US,7922,false", "20261124_mlab1_203.0.113.254,,,true"];
    assert_eq!(csv(&lake, sql).await, expected);
}

#[tokio::test]
async fn queries_of_traceroutes_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    let lake = traced(&directory).await;
    let query = |name: &'static str| super::queries::answer(&lake, name);
    let tests = query("q09a_tests_with_traceroutes").await;
    assert_eq!(tests.len(), 2);
    assert!(tests[0].ends_with(",US,198.51.100.1"), "{tests:?}");
    let hops = query("q09b_hops").await;
    assert_eq!(hops.len(), 6);
    assert!(hops.iter().all(|hop| hop.contains(",203.0.113.1,198.51.100.1,")), "{hops:?}");
    assert_eq!(query("q17a_traceroute_coverage").await, [format!("2026-11-24,6,{}", 2.0 / 6.0)]);
    assert_eq!(query("q17c_hop_annotation_coverage").await, ["2026-11-24,2,0.5"]);
}
