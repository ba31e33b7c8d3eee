//! Rows of `traces`.

use std::sync::Arc;

use crate::tables::TRACES;
use crate::tables::traces::{
    Algorithm, Answer, BranchEnd, Findings, Limits, Match, Node, Origin, Outcome, Probe, Protocol,
    Purpose, Receiver, Reply, Rtt, Run, Scope, StopReason, Trace, Trigger,
};
use crate::{Array, Batch, FlowId, FlowIdPrefix, Kind, Station, Values};

fn flow_id(cookie: u64) -> FlowId {
    FlowIdPrefix::new("pod-1", 1_700_000_000).flow_id(cookie)
}

fn skipped() -> Trace {
    Trace {
        flow_id: flow_id(0xabc),
        opened_time: 1,
        trace_id: flow_id(0xabc).trace_id(7),
        test_id: None,
        trigger: Trigger::Close,
        cached: None,
        findings: Findings {
            target: "::ffff:127.0.0.1".parse().unwrap(),
            outcome: Outcome::SkippedLoopback,
            outcome_detail: None,
            run: None,
        },
    }
}

fn run() -> Run {
    let reply = Reply {
        ip: "203.0.113.1".parse().unwrap(),
        answer: Answer::Unreachable(13),
        matched: Match::PortOnly,
        rtt: Rtt::ClockStepped,
        elapsed_us: 1500,
        ttl: Some(63),
        tos: None,
        ip_id: None,
        quoted_ttl: None,
        quoted_tos: None,
        quoted_ip_id: None,
    };
    let probe = Probe {
        ttl: 1,
        flow: 3,
        purpose: Purpose::Discovery,
        source_port: Some(40_000),
        sent_time: 9,
        was_lost: false,
        is_outdated: false,
        reply: None,
    };
    Run {
        source: None,
        protocol: Protocol::Icmp,
        destination_port: None,
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
            reply_timeout_ms: 1000,
        },
        start_time: 8,
        end_time: 10,
        elapsed_us: 2,
        stop_reason: Some(StopReason::Unreachable),
        reaches_target: false,
        confidence: 0.9,
        path_changes: 0,
        ignored_replies: 0,
        hops: Vec::new(),
        nodes: vec![Node {
            ttl: 1,
            node: 0,
            ip: Some("203.0.113.1".parse().unwrap()),
            flows: vec![3, 4],
            end: Some(BranchEnd::Unreachable(13)),
            mpls: vec![0xffff_ffff],
            is_per_packet_balancer: false,
        }],
        links: Vec::new(),
        diamonds: Vec::new(),
        probes: vec![Probe { reply: Some(reply), ..probe.clone() }, probe],
    }
}

fn row(trace: Trace) -> Batch {
    let mut batch = Batch::new(&TRACES);
    batch.push(trace.into_row(&Station::default())).unwrap();
    batch
}

fn text<'a>(batch: &'a Batch, name: &str) -> Option<&'a str> {
    let column = batch.column(name).unwrap();
    let Values::Text(values) = &column.values else { panic!("{name} is no text") };
    column.present[0].then(|| values[0].as_str())
}

fn int(batch: &Batch, name: &str) -> Option<i64> {
    batch.column(name).unwrap().int(0)
}

/// A field of the structs in a list.
fn field<'a>(batch: &'a Batch, list: &str, name: &str) -> &'a Array {
    let column = TRACES.columns.iter().find(|column| column.name == list).unwrap();
    let Kind::List(item) = column.kind else { panic!("{list} is no list") };
    let Kind::Struct(fields) = item.kind else { panic!("{list} has no structs") };
    let at = fields.iter().position(|field| field.name == name).unwrap();
    let Values::List { items, .. } = &batch.column(list).unwrap().values else { panic!() };
    let Values::Struct(arrays) = &items.values else { panic!() };
    &arrays[at]
}

#[test]
fn a_client_that_was_not_traced_has_a_row_with_the_reason() {
    let row = row(skipped());
    assert_eq!(text(&row, "outcome"), Some("skipped_loopback"));
    assert_eq!(text(&row, "target_ip"), Some("127.0.0.1"));
    assert_eq!(text(&row, "trace_id"), Some("pod-1_1700000000_0000000000000ABC_7"));
    assert_eq!(int(&row, "ip_version"), Some(4));
    // Nothing was sent: no count is 0, and no list is empty.
    let named = ["probe_count", "probes", "nodes", "start_time", "flow_is_test", "confidence"];
    for name in named {
        assert!(!row.column(name).unwrap().present[0], "{name}");
    }
}

#[test]
fn a_repeated_trace_is_whole_and_says_where_it_comes_from() {
    let origin = Origin { trace_id: flow_id(1).trace_id(5), flow_id: flow_id(1) };
    let run = Arc::new(run());
    let mut trace = Trace { cached: Some(origin), ..skipped() };
    trace.findings.outcome = Outcome::Incomplete;
    trace.findings.run = Some(run);
    let row = row(trace);
    assert_eq!(row.column("cached").unwrap().values, Values::Bool(vec![true]));
    assert_eq!(text(&row, "cached_trace_id"), Some("pod-1_1700000000_0000000000000001_5"));
    assert_eq!(text(&row, "cached_flow_id"), Some("pod-1_1700000000_0000000000000001"));
    assert_eq!(row.column("flow_is_test").unwrap().values, Values::Bool(vec![false]));
    assert_eq!(int(&row, "probe_count"), Some(2));
    assert_eq!(int(&row, "reply_count"), Some(1));
    assert_eq!(int(&row, "destination_port"), None);
    assert_eq!(field(&row, "nodes", "unreachable_code").int(0), Some(13));
    assert_eq!(field(&row, "probes", "flow").int(1), Some(3));
    assert_eq!(field(&row, "probes", "reply_elapsed_us").present, [true, false]);
}

#[test]
fn a_round_trip_over_a_step_of_the_clock_is_null_and_says_so() {
    let mut trace = skipped();
    trace.findings.run = Some(Arc::new(run()));
    let row = row(trace);
    assert_eq!(field(&row, "probes", "rtt_us").present, [false, false]);
    let Values::Text(from) = &field(&row, "probes", "rtt_from").values else { panic!() };
    assert_eq!(from[0], "clock_stepped");
}

#[test]
fn findings_are_the_columns_that_name_no_connection_and_no_station() {
    let findings = Findings { run: Some(Arc::new(run())), ..skipped().findings };
    let named: Vec<_> =
        Findings::COLUMNS.iter().map(|column| column.name).zip(findings.values()).collect();
    assert_eq!(named.len(), Findings::COLUMNS.len());
    let value = |name: &str| named.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    assert_eq!(value("target_ip"), Some(&"127.0.0.1".into()));
    assert_eq!(value("probe_count"), Some(&2_u64.into()));
    assert_eq!(value("probe_bytes"), Some(&52_u16.into()));
    for name in ["flow_id", "test_id", "trigger", "cached", "site"] {
        assert_eq!(value(name), None, "{name}");
    }
}

#[test]
fn every_outcome_and_stop_reason_is_explained() {
    let doc = |name: &str| TRACES.columns.iter().find(|column| column.name == name).unwrap().doc;
    for outcome in Outcome::ALL {
        assert!(doc("outcome").contains(outcome.name()), "{outcome:?}");
    }
    for reason in StopReason::ALL {
        assert!(doc("stop_reason").contains(reason.name()), "{reason:?}");
    }
}
