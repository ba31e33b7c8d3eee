use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use trigpoint_record::tables::traces::{
    Answer, BranchEnd, Findings, Match, Outcome, Purpose, Rtt, Run, StopReason,
};

use super::*;

#[path = "../../../../tests/fixtures/run.rs"]
mod fixture;

use fixture::run;

const HERE: &str = "203.0.113.9";

/// 1-4-4-1 and the target.
fn lattice() -> Run {
    let paths: Vec<[String; 5]> = (0..8)
        .map(|flow| {
            [
                "192.0.2.1".to_owned(),
                format!("192.0.2.1{}", flow % 4),
                format!("192.0.2.2{}", flow % 4),
                "192.0.2.30".to_owned(),
                HERE.to_owned(),
            ]
        })
        .collect();
    let paths: Vec<Vec<&str>> =
        paths.iter().map(|path| path.iter().map(String::as_str).collect()).collect();
    run(&paths.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Everything that a hop or an interface can have.
fn eventful() -> Run {
    let mut run = run(&[
        &["192.0.2.1", "192.0.2.10", "*", "192.0.2.40", HERE],
        &["192.0.2.1", "192.0.2.11", "192.0.2.31", "192.0.2.40", HERE],
    ]);
    run.hops[0].is_rate_limited = true;
    run.hops[0].loss = None;
    run.hops[1].loss = Some(0.125);
    run.nodes[2].mpls = vec![16_004 << 12 | 1 << 8 | 1, 17 << 12];
    run.nodes[4].end = Some(BranchEnd::Unreachable(13));
    run.nodes[0].is_per_packet_balancer = true;
    run.diamonds[0].is_meshed = true;
    run.diamonds[0].width_asymmetry = 1;
    run
}

fn findings(run: Run) -> Findings {
    Findings {
        target: HERE.parse().unwrap(),
        outcome: Outcome::Complete,
        outcome_detail: None,
        run: Some(Arc::new(run)),
    }
}

#[test]
fn the_table_says_where_each_branch_leads() {
    let target = HERE.parse().unwrap();
    assert_eq!(
        table("host.example", target, &lattice()),
        "\
Paths to host.example (203.0.113.9) from 198.51.100.1: UDP to port 33435, MDA-Lite
hop     address       min RTT  answers  next
  1     192.0.2.1    1.000 ms      8/8  2a 2b 2c 2d
  2  a  192.0.2.10   2.000 ms      8/8  3a
     b  192.0.2.11   2.010 ms           3b
     c  192.0.2.12   2.020 ms           3c
     d  192.0.2.13   2.030 ms           3d
  3  a  192.0.2.20   3.000 ms      8/8
     b  192.0.2.21   3.010 ms
     c  192.0.2.22   3.020 ms
     d  192.0.2.23   3.030 ms
  4     192.0.2.30   4.000 ms      8/8
  5     203.0.113.9  5.000 ms      8/8               target
"
    );
    assert_eq!(
        summary(&findings(lattice())),
        "\
Every path leads to 203.0.113.9.
Diamond from hop 1 to hop 4: 4 wide, 3 long.
40 probes, 40 answers, 1.50 s; nothing is missing with 96.2 % probability.
The probes were flows of their own: a connection takes one of these paths.
"
    );
}

#[test]
fn a_table_without_branches_has_no_columns_for_them() {
    assert_eq!(
        table(HERE, HERE.parse().unwrap(), &run(&[&["192.0.2.1", HERE]])),
        "\
Paths to 203.0.113.9 from 198.51.100.1: UDP to port 33435, MDA-Lite
hop  address       min RTT  answers
  1  192.0.2.1    1.000 ms      1/1
  2  203.0.113.9  2.000 ms      1/1  target
"
    );
}

#[test]
fn the_table_tells_what_is_not_plain() {
    let text = table(HERE, HERE.parse().unwrap(), &eventful());
    assert!(text.starts_with("Paths to 203.0.113.9 from"), "{text}");
    let line = |word: &str| text.lines().find(|line| line.contains(word)).unwrap();
    assert!(line("192.0.2.1 ").ends_with("balances per packet, rate limited"), "{text}");
    assert!(line("192.0.2.10").ends_with("loss 12.5 %"), "{text}");
    assert!(line("192.0.2.11").ends_with("MPLS 16004 17"), "{text}");
    assert!(line("192.0.2.31").ends_with("unreachable (code 13)"), "{text}");
    let silent = line("  *");
    assert!(silent.starts_with("  3  a  *") && !silent.contains("ms"), "{text}");
    let summary = summary(&findings(eventful()));
    assert!(summary.contains("2 wide, 3 long, meshed, asymmetric"), "{summary}");
}

#[test]
fn a_trace_says_why_it_ended() {
    let mut run = run(&[&["192.0.2.1", "*", HERE]]);
    run.reaches_target = false;
    for (stop_reason, words) in [
        (Some(StopReason::GapLimit), "203.0.113.9 does not answer: nothing does beyond hop 3."),
        (Some(StopReason::Unreachable), "a router says that it cannot be reached"),
        (Some(StopReason::Loop), "comes back to where it had been"),
        (Some(StopReason::HopLimit), "longer than 32 hops"),
        (Some(StopReason::ProbeBudget), "ended after its 3000 probes"),
        (Some(StopReason::TimeBudget), "ended after its time"),
        (Some(StopReason::Unstable), "changed again and again"),
    ] {
        let run = Run { stop_reason, ..run.clone() };
        let incomplete = Findings { outcome: Outcome::Incomplete, ..findings(run) };
        let summary = summary(&incomplete);
        assert!(summary.lines().next().unwrap().contains(words), "{summary}");
    }
    let interrupted = Findings { outcome: Outcome::Interrupted, ..findings(run.clone()) };
    assert!(summary(&interrupted).starts_with("Interrupted: "));
    let failed = Findings {
        outcome: Outcome::Failed,
        outcome_detail: Some("cannot send".to_owned()),
        ..findings(run)
    };
    assert!(summary(&failed).starts_with("Ended early: cannot send."));
}

#[test]
fn json_has_the_columns_of_the_table_and_is_read_back() {
    let mut run = eventful();
    let replies = run.probes.iter_mut().filter_map(|probe| probe.reply.as_mut());
    let answers = [
        (Answer::Target, Rtt::ClockStepped),
        (Answer::OtherError(12, 1), Rtt::Unstamped),
        (Answer::Unreachable(13), Rtt::Kernel(7)),
    ];
    for (reply, (answer, rtt)) in replies.zip(answers) {
        (reply.answer, reply.rtt, reply.matched) = (answer, rtt, Match::PortOnly);
        (reply.ip_id, reply.quoted_ttl, reply.tos) = (Some(9), Some(1), None);
    }
    run.probes[1].purpose = Purpose::PerPacketTest;
    let findings = Findings { outcome_detail: Some("a \"word\"".to_owned()), ..findings(run) };
    let text = json(&findings);
    assert!(!text.contains('\n'));
    let value: Value = serde_json::from_str(&text).unwrap();
    let keys: BTreeSet<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, Findings::COLUMNS.iter().map(|column| column.name).collect());
    // Nobody looked up whose routers answered.
    assert!(value["probes"][0].get("quoted_ip_id").is_some());
    assert_eq!(value["probes"][0].get("reply_asn"), None);
    assert_eq!(value["flow_is_test"], false);
    assert_eq!(value["start_time"], "2026-11-26T17:00:00.250000Z");
    assert_eq!(
        (&value["probe_count"], &value["nodes"][0]["ip"]),
        (&10.into(), &"192.0.2.1".into())
    );
    assert_eq!(read(&value).unwrap(), findings);

    let skipped = Findings { outcome: Outcome::SkippedLoopback, run: None, ..findings };
    assert_eq!(read(&serde_json::from_str(&json(&skipped)).unwrap()).unwrap(), skipped);
}

#[test]
fn what_is_no_trace_is_refused_with_the_column() {
    let mut value: Value = serde_json::from_str(&json(&findings(lattice()))).unwrap();
    value["probes"][3]["match"] = "newer".into();
    assert!(read(&value).unwrap_err().to_string().contains("`match`"));
    assert!(read(&Value::Null).unwrap_err().to_string().contains("`target_ip`"));
}

#[test]
fn a_graph_has_every_interface_and_every_link() {
    let run = lattice();
    let dot = dot(HERE.parse().unwrap(), &run);
    assert_eq!(dot.matches(" -> ").count(), run.links.len(), "{dot}");
    assert!(dot.contains("hop1_0 -> hop2_3 [tooltip=\"flows 3 7\"]"), "{dot}");
    assert!(dot.contains("hop2_1 [label=\"192.0.2.11\\n2.010 ms\"]"), "{dot}");
    assert!(dot.contains("flow_is_test = false"), "{dot}");
    let dot = super::dot(HERE.parse().unwrap(), &eventful());
    assert!(dot.contains("[label=\"*\", style=\"rounded,dashed\"]"), "{dot}");
    assert!(dot.contains("hop 1: rate limited"), "{dot}");
}

#[test]
fn links_that_nobody_knows_are_drawn_as_such() {
    let mut run = lattice();
    run.links.retain(|link| link.ttl != 2);
    let target = HERE.parse().unwrap();
    assert_eq!(dot(target, &run).matches("style=dotted").count(), 16);
    assert_eq!(svg(target, &run).matches("class=\"link unknown\"").count(), 16);
}

#[test]
fn a_picture_shows_everything_once_and_nothing_over_another() {
    for run in [lattice(), eventful()] {
        let svg = svg(HERE.parse().unwrap(), &run);
        assert_eq!(svg.matches("<path class=\"link").count(), run.links.len());
        let boxes = boxes(&svg);
        assert_eq!(boxes.len(), run.nodes.len() + 1, "and the source");
        let [width, height] = ["width", "height"].map(|name| attribute(&svg, name));
        for (at, one) in boxes.iter().enumerate() {
            let [x, y, w, h] = *one;
            assert!(x >= 0 && y >= 0 && x + w <= width && y + h <= height, "{one:?}");
            for other in &boxes[..at] {
                let apart = x + w <= other[0]
                    || other[0] + other[2] <= x
                    || y + h <= other[1]
                    || other[1] + other[3] <= y;
                assert!(apart, "{one:?} over {other:?}");
            }
        }
        for node in run.nodes.iter().filter_map(|node| node.ip) {
            assert!(svg.contains(&format!(">{node}</text>")), "{node}");
        }
        assert!(svg.contains("data-flow-is-test=\"false\""));
        assert!(svg.contains("prefers-color-scheme:dark"));
        // Nothing but the name space is from elsewhere.
        assert_eq!(svg.matches("http").count(), 1);
        assert!(!svg.contains("<script") && !svg.contains("@import") && !svg.contains("url("));
    }
    let svg = svg(HERE.parse().unwrap(), &eventful());
    for words in ["rate limited", "loss 12.5 %", "MPLS 16004 17", "box star", "link silent"] {
        assert!(svg.contains(words), "{words}");
    }
}

/// Left, top, width and height of each box.
fn boxes(svg: &str) -> Vec<[i32; 4]> {
    let boxes = svg.match_indices("<rect class=\"box").map(|(at, _)| &svg[at..]);
    boxes.map(|text| ["x", "y", "width", "height"].map(|name| attribute(text, name))).collect()
}

/// The first one of a name.
fn attribute(text: &str, name: &str) -> i32 {
    let start = format!(" {name}=\"");
    let at = text.find(&start).unwrap() + start.len();
    text[at..].split_once('"').unwrap().0.parse().unwrap()
}
