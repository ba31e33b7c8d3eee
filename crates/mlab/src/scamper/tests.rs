//! Read by structs with the keys and types of m-lab/traceroute-caller's
//! `parser/scamper1.go`, `parser/scamper2.go` and `parser/parser.go`.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use trigpoint_record::tables::traces::StopReason;

use super::*;

#[path = "../../../../tests/fixtures/run.rs"]
mod fixture;

use fixture::run;

/// As Go's decoder: what is missing is zero, what is not known is ignored.
macro_rules! go {
    ($name:ident { $($field:ident: $kind:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        struct $name { $($field: $kind,)* }
    };
}

go!(Timestamp { sec: i64, usec: i64 });
go!(CycleStart { r#type: String, list_name: String, id: f64, hostname: String, start_time: f64 });
go!(CycleStop { r#type: String, list_name: String, id: f64, hostname: String, stop_time: f64 });
go!(TracelbLine {
    r#type: String, version: String, userid: f64, method: String, src: String, dst: String,
    start: Timestamp, probe_size: f64, firsthop: f64, attempts: f64, confidence: f64, tos: f64,
    gaplint: f64, wait_timeout: f64, wait_probe: f64, probec: f64, probec_max: f64, nodec: f64,
    linkc: f64, nodes: Vec<ScamperNode>,
});
go!(ScamperNode { addr: String, q_ttl: i64, linkc: i64, links: Vec<Vec<ScamperLink>>, });
go!(ScamperLink { addr: String, probes: Vec<LinkProbe>, });
go!(LinkProbe {
    tx: Timestamp, replyc: i64, ttl: i64, attempt: i64, flowid: i64, replies: Vec<LinkReply>,
});
go!(LinkReply {
    rx: Timestamp,
    ttl: i64,
    rtt: f64,
    icmp_type: i64,
    icmp_code: i64,
    icmp_q_tos: i64,
    icmp_q_ttl: i64,
});
go!(TraceLine {
    r#type: String, version: String, userid: i32, method: String, src: String, dst: String,
    icmp_sum: i32, stop_reason: String, stop_data: i32, start: Timestamp, hop_count: i32,
    attempts: i32, hoplimit: i32, firsthop: i32, wait: i32, wait_probe: i32, tos: i32,
    probe_size: i32, probe_count: i32, hops: Vec<ScamperHop>,
});
go!(ScamperHop {
    addr: String,
    probe_ttl: i32,
    probe_id: i32,
    probe_size: i32,
    tx: Timestamp,
    rtt: f64,
    reply_ttl: i32,
    reply_tos: i32,
    reply_ipid: i32,
    reply_size: i32,
    icmp_type: i32,
    icmp_code: i32,
    icmp_q_ttl: i32,
    icmp_q_ipl: i32,
    icmp_q_tos: i32,
});

/// The result's line, and the same as plain JSON; the lines around it are checked.
fn read<T: DeserializeOwned>(run: &Run) -> (T, Value) {
    let text = scamper("203.0.113.9".parse().unwrap(), run, "station-1");
    let lines: Vec<_> = text.split_terminator('\n').collect();
    let [start, result, stop] = lines[..] else { panic!("{text}") };
    let start: CycleStart = serde_json::from_str(start).unwrap();
    let stop: CycleStop = serde_json::from_str(stop).unwrap();
    assert_eq!((start.r#type.as_str(), stop.r#type.as_str()), ("cycle-start", "cycle-stop"));
    assert_eq!((start.hostname.as_str(), stop.hostname.as_str()), ("station-1", "station-1"));
    assert_eq!((start.list_name, start.id), (stop.list_name, stop.id));
    assert!((start.start_time - 1_795_712_400.0).abs() < 1e-9);
    assert!((stop.stop_time - 1_795_712_401.0).abs() < 1e-9);
    (serde_json::from_str(result).unwrap(), serde_json::from_str(result).unwrap())
}

/// 1-2-1 and the target; a silent hop before it on the way of flow 1 and 2.
fn two_ways() -> Run {
    let run = run(&[
        &["192.0.2.1", "192.0.2.10", "192.0.2.20", "203.0.113.9"],
        &["192.0.2.1", "192.0.2.11", "*", "203.0.113.9"],
        &["192.0.2.1", "192.0.2.11", "*", "203.0.113.9"],
    ]);
    Run { hops: Vec::new(), ..run }
}

fn addresses(hop_set: &[ScamperLink]) -> Vec<&str> {
    hop_set.iter().map(|place| place.addr.as_str()).collect()
}

#[test]
fn all_paths_are_a_tracelb_of_nodes_with_hop_sets() {
    let (line, json) = read::<TracelbLine>(&two_ways());
    assert_eq!((line.r#type.as_str(), line.version.as_str()), ("tracelb", "0.1"));
    assert_eq!((line.method.as_str(), line.src.as_str()), ("udp-sport", "198.51.100.1"));
    assert_eq!(line.dst, "203.0.113.9");
    assert_eq!((line.start.sec, line.start.usec), (1_795_712_400, 250_000));
    assert_eq!(json["start"]["ftime"], "2026-11-26 17:00:00");
    assert_eq!((&json["sport"], &json["dport"]), (&40_000.into(), &33_435.into()));
    let figures = [
        (line.userid, 0.0),
        (line.probe_size, 52.0),
        (line.firsthop, 1.0),
        (line.attempts, 2.0),
        (line.confidence, 95.0),
        (line.tos, 0.0),
        (line.gaplint, 3.0),
        (line.wait_timeout, 1.0),
        (line.wait_probe, 0.0),
        (line.probec, 12.0),
        (line.probec_max, 3000.0),
        (line.nodec, 5.0),
        (line.linkc, 5.0),
    ];
    for (at, (found, expected)) in figures.into_iter().enumerate() {
        assert!((found - expected).abs() < 1e-9, "figure {at}: {found}, not {expected}");
    }
    assert_eq!(json["gaplimit"], 3);
    assert_eq!(json["flow_is_test"], false);

    let nodes: Vec<_> = line.nodes.iter().map(|node| (node.addr.as_str(), node.linkc)).collect();
    let expected = [("192.0.2.1", 2), ("192.0.2.10", 1), ("192.0.2.11", 1), ("192.0.2.20", 1)];
    assert_eq!(nodes, expected, "the target leads nowhere");
    let [diverges, one, other, _] = &line.nodes[..] else { panic!() };
    assert_eq!(diverges.links.len(), 1);
    assert_eq!(addresses(&diverges.links[0]), ["192.0.2.10", "192.0.2.11"]);
    assert_eq!(one.links.iter().map(|set| addresses(set)).collect::<Vec<_>>(), [["192.0.2.20"]]);
    let beyond: Vec<_> = other.links.iter().map(|set| addresses(set)).collect();
    assert_eq!(beyond, [["*"], ["203.0.113.9"]], "over silence to the next that answers");
    assert!(other.links[0][0].probes.is_empty());
    let flows: Vec<_> = other.links[1][0].probes.iter().map(|probe| probe.flowid).collect();
    assert_eq!(flows, [1, 2], "those that come from there, and not flow 0");

    let [probe] = &diverges.links[0][0].probes[..] else { panic!("{diverges:?}") };
    assert_eq!((probe.ttl, probe.attempt, probe.flowid, probe.replyc), (2, 0, 0, 1));
    assert_eq!((probe.tx.sec, probe.tx.usec), (1_795_712_400, 252_000));
    let [reply] = &probe.replies[..] else { panic!("{probe:?}") };
    assert_eq!((reply.rx.sec, reply.rx.usec), (1_795_712_400, 254_000));
    assert!((reply.rtt - 2.0).abs() < 1e-9, "milliseconds");
    assert_eq!((reply.ttl, reply.icmp_type, reply.icmp_code), (63, 11, 0));
    let target = &other.links[1][0].probes[0].replies[0];
    assert_eq!((target.icmp_type, target.icmp_code), (3, 3));
}

#[test]
fn what_an_error_queue_does_not_show_has_no_key() {
    let mut run = two_ways();
    let (_, json) = read::<Value>(&run);
    let reply = |json: &Value| json["nodes"][0]["links"][0][0]["probes"][0]["replies"][0].clone();
    for key in ["ipid", "icmp_q_ttl", "icmp_q_tos", "icmpext"] {
        assert_eq!(reply(&json).get(key), None, "{key}");
    }
    assert_eq!(json["nodes"][0].get("q_ttl"), None);
    for probe in &mut run.probes {
        if let Some(reply) = &mut probe.reply {
            (reply.ip_id, reply.quoted_ttl, reply.quoted_tos) = (Some(7), Some(1), Some(8));
            reply.rtt = Rtt::ClockStepped;
        }
    }
    run.nodes[1].mpls = vec![16_004 << 12 | 5 << 9 | 0xfe, 17 << 12 | 1 << 8 | 1];
    let (_, json) = read::<Value>(&run);
    let found = reply(&json);
    assert_eq!((&found["ipid"], &found["icmp_q_ttl"]), (&7.into(), &1.into()));
    assert_eq!((&found["icmp_q_tos"], &json["nodes"][0]["q_ttl"]), (&8.into(), &1.into()));
    assert_eq!(found.get("rtt"), None, "the clock was set");
    assert_eq!(found["rx"]["usec"], 254_030, "by the monotonic clock");
    let labels = serde_json::json!([{"ie_cn": 1, "ie_ct": 1, "ie_dl": 8, "mpls_labels": [
        {"mpls_ttl": 254, "mpls_s": 0, "mpls_exp": 5, "mpls_label": 16_004},
        {"mpls_ttl": 1, "mpls_s": 1, "mpls_exp": 0, "mpls_label": 17},
    ]}]);
    assert_eq!(found["icmpext"], labels);
}

#[test]
fn a_probe_that_was_sent_again_counts_its_attempts() {
    let mut run = two_ways();
    let at = run.probes.iter().position(|probe| probe.ttl == 2).unwrap();
    let lost = Probe { reply: None, was_lost: true, ..run.probes[at].clone() };
    run.probes.insert(at, lost);
    let (line, _) = read::<TracelbLine>(&run);
    let probes = &line.nodes[0].links[0][0].probes;
    let told: Vec<_> = probes.iter().map(|probe| (probe.attempt, probe.replyc)).collect();
    assert_eq!(told, [(0, 0), (1, 1)]);
}

#[test]
fn behind_a_per_packet_balancer_an_interface_has_the_probes_that_it_answered() {
    let mut run = two_ways();
    for link in &mut run.links {
        link.flows.clear();
    }
    let (line, _) = read::<TracelbLine>(&run);
    let set = &line.nodes[0].links[0];
    let flows = |at: usize| set[at].probes.iter().map(|probe| probe.flowid).collect::<Vec<_>>();
    assert_eq!((flows(0), flows(1)), (vec![0], vec![1, 2]));
}

#[test]
fn silence_at_the_first_hop_is_a_node() {
    let run = run(&[&["*", "2001:db8::20", "2001:db8::9"]]);
    let (line, json) = read::<TracelbLine>(&run);
    let nodes: Vec<_> = line.nodes.iter().map(|node| node.addr.as_str()).collect();
    assert_eq!(nodes, ["*", "2001:db8::20"]);
    let reply = &json["nodes"][0]["links"][0][0]["probes"][0]["replies"][0];
    assert_eq!((&reply["icmp_type"], &reply["icmp_code"]), (&3.into(), &0.into()), "ICMPv6");
}

#[test]
fn one_path_is_a_trace_with_an_entry_for_each_answer() {
    let mut run = run(&[&["192.0.2.1", "*", "192.0.2.20", "203.0.113.9"]]);
    run.algorithm = Algorithm::Paris;
    run.nodes[2].mpls = vec![16_004 << 12 | 1 << 8 | 1];
    let (line, json) = read::<TraceLine>(&run);
    assert_eq!((line.r#type.as_str(), line.version.as_str()), ("trace", "0.1"));
    assert_eq!((line.method.as_str(), line.src.as_str()), ("udp-paris", "198.51.100.1"));
    assert_eq!((line.dst.as_str(), line.userid, line.icmp_sum), ("203.0.113.9", 0, 0));
    assert_eq!((line.stop_reason.as_str(), line.stop_data), ("COMPLETED", 0));
    assert_eq!((line.start.sec, line.start.usec), (1_795_712_400, 250_000));
    assert_eq!((line.hop_count, line.attempts, line.hoplimit, line.firsthop), (4, 2, 32, 1));
    assert_eq!((line.wait, line.wait_probe, line.tos), (1, 0, 0));
    assert_eq!((line.probe_size, line.probe_count), (52, 4));
    assert_eq!((&json["sport"], &json["dport"]), (&40_000.into(), &33_435.into()));
    assert_eq!(json["flow_is_test"], false);
    let hops: Vec<_> = line.hops.iter().map(|hop| (hop.probe_ttl, hop.addr.as_str())).collect();
    assert_eq!(hops, [(1, "192.0.2.1"), (3, "192.0.2.20"), (4, "203.0.113.9")]);
    let hop = &line.hops[1];
    assert_eq!((hop.probe_id, hop.probe_size), (1, 52));
    assert_eq!((hop.tx.sec, hop.tx.usec), (1_795_712_400, 254_000));
    assert!((hop.rtt - 3.0).abs() < 1e-9);
    assert_eq!((hop.reply_ttl, hop.reply_tos, hop.icmp_type, hop.icmp_code), (62, 0xc0, 11, 0));
    let unknown = (hop.reply_ipid, hop.reply_size, hop.icmp_q_ttl, hop.icmp_q_ipl, hop.icmp_q_tos);
    assert_eq!(unknown, (0, 0, 0, 0, 0));
    assert_eq!(json["hops"][1]["icmpext"][0]["mpls_labels"][0]["mpls_label"], 16_004);
}

#[test]
fn a_trace_says_in_scampers_words_why_it_stopped() {
    let words = [
        (Some(StopReason::Completed), "COMPLETED"),
        (Some(StopReason::GapLimit), "GAPLIMIT"),
        (Some(StopReason::Unreachable), "UNREACH"),
        (Some(StopReason::Loop), "LOOP"),
        (Some(StopReason::HopLimit), "HOPLIMIT"),
        (Some(StopReason::TimeBudget), "HALTED"),
        (None, "HALTED"),
    ];
    for (stop_reason, word) in words {
        let path: &[&str] = &["192.0.2.1", "203.0.113.9"];
        let mut run = Run { stop_reason, algorithm: Algorithm::Paris, ..run(&[path]) };
        run.nodes[1].end = Some(trigpoint_record::tables::traces::BranchEnd::Unreachable(13));
        let (line, _) = read::<TraceLine>(&run);
        assert_eq!(line.stop_reason, word);
        assert_eq!(line.stop_data, if word == "UNREACH" { 13 } else { 0 });
    }
}

#[test]
fn methods_have_scampers_names() {
    let path: &[&str] = &["192.0.2.1", "203.0.113.9"];
    for (protocol, all, one) in [
        (Protocol::Udp, "udp-sport", "udp-paris"),
        (Protocol::Icmp, "icmp-echo", "icmp-echo-paris"),
        (Protocol::Tcp, "tcp-sport", "tcp"),
    ] {
        let (_, json) = read::<Value>(&Run { protocol, ..run(&[path]) });
        assert_eq!(json["method"], all);
        assert_eq!(json.get("sport").is_some(), protocol != Protocol::Icmp);
        let (_, json) =
            read::<Value>(&Run { protocol, algorithm: Algorithm::Paris, ..run(&[path]) });
        assert_eq!(json["method"], one);
    }
}

#[test]
fn the_line_before_says_for_which_connection() {
    let uuid = "ndt-jdczh_1553815964_00000000000003E8";
    assert_eq!(
        scamper_metadata(uuid, None, "0.1.0"),
        "{\"UUID\":\"ndt-jdczh_1553815964_00000000000003E8\",\"TracerouteCallerVersion\":\"0.1.0\",\
         \"CachedResult\":false,\"CachedUUID\":\"\"}\n"
    );
    let repeated: Value =
        serde_json::from_str(&scamper_metadata(uuid, Some("other"), "1")).unwrap();
    assert_eq!(
        (&repeated["CachedResult"], &repeated["CachedUUID"]),
        (&true.into(), &"other".into())
    );
}
