//! Gates over real sockets: what counts, what it is compared with, and what is said.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::array::AsArray as _;
use arrow::datatypes::Float64Type;
use chrono::{TimeDelta, Utc};
use tonic::Code;
use trigpoint_record::tables::{FLOWS, SPEED_TESTS};
use trigpoint_wire::gate::gate_client::GateClient as Wire;
use trigpoint_wire::gate::measure_request::Bound;
use trigpoint_wire::gate::{Baseline, MeasureRequest, MeasureResponse, Metric, Verdict};

use crate::testing::{Fixture, ask};
use crate::{GateClient, Settings};
use rows::{CANARY, STABLE, Test, commit};

mod rows;

/// Longer than any answer takes.
const WITHIN: Duration = Duration::from_mins(2);

async fn fixture() -> Fixture {
    with(|_| {}).await
}

async fn with(change: impl FnOnce(&mut Settings)) -> Fixture {
    Fixture::over(&[&FLOWS, &SPEED_TESTS], change).await
}

/// `count` tests, of which some are faster and some slower, in proportion.
fn spread(test: &Test, count: usize) -> Vec<Test> {
    let one = |n: usize| {
        let factor = 0.8 + 0.4 * (n * 7 % 50) as f64 / 50.0;
        Test {
            bits_per_s: test.bits_per_s.map(|bits| bits * factor),
            min_rtt_us: (test.min_rtt_us as f64 * factor) as i64,
            ..*test
        }
    };
    (0..count).map(one).collect()
}

fn asked(metric: Metric, bound: Bound) -> MeasureRequest {
    MeasureRequest {
        metric: metric.into(),
        revision: "edge-2".to_owned(),
        baseline: Baseline::Stable.into(),
        baseline_revision: "edge-1".to_owned(),
        window_s: 3600,
        min_samples: 100,
        bound: Some(bound),
        ..MeasureRequest::default()
    }
}

fn throughput() -> MeasureRequest {
    asked(Metric::DownloadThroughput, Bound::MarginPercent(10))
}

async fn measured(gates: &mut GateClient, asked: MeasureRequest) -> MeasureResponse {
    gates.measure(asked, WITHIN).await.unwrap()
}

/// What a gate says of these tests.
async fn said(tests: &[&[Test]], asked: MeasureRequest) -> MeasureResponse {
    let fixture = fixture().await;
    commit(&fixture, 1, &tests.concat()).await;
    measured(&mut fixture.gates().await, asked).await
}

#[tokio::test(flavor = "multi_thread")]
async fn throughput_is_compared_with_that_of_the_stable_revision() {
    let stable = spread(&STABLE, 400);
    let same = said(&[&stable, &spread(&CANARY, 200)], throughput()).await;
    assert_eq!(same.verdict(), Verdict::Pass, "{same:?}");
    assert_eq!((same.samples, same.baseline_samples), (200, 400));
    assert!((same.value.unwrap() / same.baseline.unwrap() - 1.0).abs() < 0.01, "{same:?}");
    // Every table has had its making and one commit.
    assert_eq!(same.versions, BTreeMap::from([("speed_tests".to_owned(), 1)]));

    let slow = Test { bits_per_s: Some(40e6), ..CANARY };
    let slow = said(&[&stable, &spread(&slow, 200)], throughput()).await;
    assert_eq!(slow.verdict(), Verdict::Fail, "{slow:?}");
    let change = slow.interval.unwrap();
    assert!(change.lower < -20.0 && change.upper > -20.0, "{change:?}");
    assert!((change.estimate + 20.0).abs() < 1.5, "{change:?}");
    let words = "Fail: download throughput of `edge-2` is ";
    assert!(slow.explanation.starts_with(words), "{}", slow.explanation);
    assert!(
        slow.explanation.ends_with("where -10 % is allowed; 200 tests against 400"),
        "{}",
        slow.explanation
    );

    // At the margin more tests would tell.
    let near = Test { bits_per_s: Some(45e6), ..CANARY };
    let near = said(&[&stable, &spread(&near, 200)], throughput()).await;
    assert_eq!(near.verdict(), Verdict::Inconclusive, "{near:?}");
    assert!(near.explanation.ends_with("more tests would tell"), "{}", near.explanation);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_tests_say_nothing_however_clear_they_are() {
    let slow = Test { bits_per_s: Some(1e6), ..CANARY };
    let few = said(&[&spread(&STABLE, 400), &spread(&slow, 99)], throughput()).await;
    assert_eq!(few.verdict(), Verdict::Inconclusive);
    assert_eq!(
        few.explanation,
        "Inconclusive: 99 tests of `edge-2` against 400 of `edge-1` are too few to judge download \
         throughput, where 100 of each are needed"
    );
    let fixture = fixture().await;
    let none = measured(&mut fixture.gates().await, throughput()).await;
    assert_eq!(none.verdict(), Verdict::Inconclusive);
    assert_eq!((none.value, none.baseline, none.interval), (None, None, None));
    assert!(none.versions.is_empty(), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tests_of_the_revision_arm_direction_and_time_count() {
    let old = Test { ago: TimeDelta::minutes(61), ..CANARY };
    let upload = Test { direction: "upload", ..CANARY };
    let stable_arm = Test { arm: "stable", ..CANARY };
    let other = Test { revision: "edge-3", ..CANARY };
    let unmeasured = Test { bits_per_s: None, ..CANARY };
    let canaries = [CANARY, old, upload, stable_arm, other, unmeasured];
    let baselines = canaries.map(|test| Test { revision: "edge-1", ..test });
    let fixture = fixture().await;
    commit(&fixture, 1, &[&canaries[..], &baselines[..], &[STABLE][..]].concat()).await;
    let mut gates = fixture.gates().await;
    let found = measured(&mut gates, throughput()).await;
    // Of the second list the one in arm `stable` is of the baseline.
    assert_eq!((found.samples, found.baseline_samples), (1, 2), "{found:?}");
    let longer = MeasureRequest { window_s: 7200, ..throughput() };
    assert_eq!(measured(&mut gates, longer).await.samples, 2);
    let until = Utc::now() - TimeDelta::minutes(30);
    let earlier = MeasureRequest { until_us: until.timestamp_micros(), ..throughput() };
    assert_eq!(measured(&mut gates, earlier).await.samples, 1);
    let elsewhere = MeasureRequest { sites: vec!["xyz01".to_owned()], ..throughput() };
    assert_eq!(measured(&mut gates, elsewhere).await.samples, 0);
    let here =
        MeasureRequest { sites: vec!["it's".to_owned(), "abc01".to_owned()], ..throughput() };
    assert_eq!(measured(&mut gates, here).await.samples, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_of_the_operator_count_only_where_asked_and_against_their_like() {
    // From within the cluster they are twenty times as fast; the canary has no others.
    let synthetic =
        |test: Test| Test { client_name: "trigpoint-synthetic", bits_per_s: Some(1e9), ..test };
    let fixture = fixture().await;
    let stable = [spread(&STABLE, 300), spread(&synthetic(STABLE), 120)].concat();
    commit(&fixture, 1, &[stable, spread(&synthetic(CANARY), 120)].concat()).await;
    let mut gates = fixture.gates().await;
    let users = measured(&mut gates, throughput()).await;
    assert_eq!((users.verdict(), users.samples), (Verdict::Inconclusive, 0), "{users:?}");
    let counted = MeasureRequest { synthetic_tests: true, ..throughput() };
    let counted = measured(&mut gates, counted).await;
    assert_eq!(counted.verdict(), Verdict::Pass, "{counted:?}");
    assert_eq!((counted.samples, counted.baseline_samples), (120, 120));
}

#[tokio::test(flavor = "multi_thread")]
async fn site_by_site_a_slow_site_with_many_canaries_is_no_slow_revision() {
    let at = |test: &Test, site, bits| Test { site, bits_per_s: Some(bits), ..*test };
    let tests = [
        spread(&at(&STABLE, "fast", 500e6), 300),
        spread(&at(&STABLE, "slow", 20e6), 100),
        spread(&at(&STABLE, "only-stable", 90e6), 100),
        spread(&at(&CANARY, "fast", 500e6), 50),
        spread(&at(&CANARY, "slow", 20e6), 250),
        spread(&at(&CANARY, "only-canary", 1e6), 50),
    ]
    .concat();
    let fixture = fixture().await;
    commit(&fixture, 1, &tests).await;
    let mut gates = fixture.gates().await;
    let altogether = measured(&mut gates, throughput()).await;
    assert_eq!(altogether.verdict(), Verdict::Fail, "{altogether:?}");
    let by_site = MeasureRequest { baseline: Baseline::SameSite.into(), ..throughput() };
    let by_site = measured(&mut gates, by_site).await;
    assert_eq!(by_site.verdict(), Verdict::Pass, "{by_site:?}");
    assert_eq!((by_site.samples, by_site.baseline_samples), (300, 400));
    let words = "300 tests against 400; at 2 of 3 sites there are both";
    assert!(by_site.explanation.ends_with(words), "{}", by_site.explanation);
}

#[tokio::test(flavor = "multi_thread")]
async fn previous_tests_are_those_of_the_same_machines_before_they_changed() {
    let changed = Test { ago: TimeDelta::minutes(30), ..CANARY };
    let before = Test { machine: "node-2", ago: TimeDelta::minutes(45), ..STABLE };
    let tests = [
        spread(&changed, 150),
        spread(&before, 150),
        // An hour before the change, and a machine that has not changed.
        spread(&Test { ago: TimeDelta::minutes(95), bits_per_s: Some(1e6), ..before }, 150),
        spread(&Test { ago: TimeDelta::minutes(45), bits_per_s: Some(1e6), ..STABLE }, 150),
        // One that came back to the stable revision meanwhile.
        spread(&Test { ago: TimeDelta::minutes(5), bits_per_s: Some(1e6), ..before }, 150),
    ];
    let asked = MeasureRequest { baseline: Baseline::Previous.into(), ..throughput() };
    let answer = said(&[&tests.concat()], asked).await;
    assert_eq!(answer.verdict(), Verdict::Pass, "{answer:?}");
    assert_eq!((answer.samples, answer.baseline_samples), (150, 150));
    let words = "of `edge-1` before: ";
    assert!(answer.explanation.contains(words), "{}", answer.explanation);
    assert!(answer.explanation.ends_with("at 1 of 1 machines there are both"));
}

#[tokio::test(flavor = "multi_thread")]
async fn longer_round_trips_and_fewer_snapshots_are_worse() {
    let stable = spread(&STABLE, 200);
    let far = Test { min_rtt_us: 24_000, ..CANARY };
    let tests: [&[Test]; 2] = [&stable, &spread(&far, 200)];
    let far = said(&tests, asked(Metric::MinRoundTripTime, Bound::MarginPercent(10))).await;
    assert_eq!(far.verdict(), Verdict::Fail, "{far:?}");
    assert!(far.explanation.contains("where +10 % is allowed"), "{}", far.explanation);
    let near = Test { min_rtt_us: 16_000, ..CANARY };
    let tests: [&[Test]; 2] = [&stable, &spread(&near, 200)];
    let near = said(&tests, asked(Metric::MinRoundTripTime, Bound::MarginPercent(10))).await;
    assert_eq!(near.verdict(), Verdict::Pass, "{near:?}");

    let blind = Test { polls_missed: 100, ..CANARY };
    let tests: [&[Test]; 2] = [&stable, &spread(&blind, 200)];
    let asked = asked(Metric::SnapshotsPerSecond, Bound::MarginPercent(5));
    let blind = said(&tests, asked.clone()).await;
    assert_eq!(blind.verdict(), Verdict::Fail, "{blind:?}");
    assert_eq!((blind.value, blind.baseline), (Some(90.0), Some(100.0)));
    let names: Vec<_> = blind.versions.keys().map(String::as_str).collect();
    assert_eq!(names, ["flows", "speed_tests"]);
    let good = said(&[&stable, &spread(&CANARY, 200)], asked).await;
    assert_eq!(good.verdict(), Verdict::Pass, "{good:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_tests_are_held_against_a_limit() {
    let ended = |end_reason, count| vec![Test { end_reason, ..CANARY }; count];
    let asked = asked(Metric::FailedTestsPerThousand, Bound::Limit(20.0));
    let fine = [ended("completed", 250), ended("early_exit", 25), ended("client_closed", 25)];
    let fine = fine.concat();
    let passed = said(&[&fine, &[STABLE]], asked.clone()).await;
    assert_eq!((passed.verdict(), passed.value), (Verdict::Pass, Some(0.0)), "{passed:?}");
    assert_eq!((passed.samples, passed.baseline_samples), (300, 1));
    let reasons =
        ["connection_lost", "timed_out", "protocol_error", "station_stopped", "internal_error"];
    let failures: Vec<_> = reasons.into_iter().flat_map(|reason| ended(reason, 4)).collect();
    let failed = said(&[&fine, &failures], asked.clone()).await;
    assert_eq!(failed.verdict(), Verdict::Fail, "{failed:?}");
    assert_eq!(failed.value, Some(62.5));
    let some = said(&[&fine, &failures[..6]], asked).await;
    assert_eq!(some.verdict(), Verdict::Inconclusive, "{some:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_do_not_add_up_are_held_against_a_limit() {
    let of = |direction, uncounted_bytes, count| {
        vec![Test { direction, uncounted_bytes, ..CANARY }; count]
    };
    let asked = MeasureRequest {
        baseline: 0,
        baseline_revision: String::new(),
        ..asked(Metric::AccountingMismatchesPerThousand, Bound::Limit(0.0))
    };
    // The end of a connection counts as a byte, where it was seen.
    let fine = [of("download", 1, 60), of("download", 0, 60), of("upload", 1, 60)].concat();
    // Of these the bytes on the way when they ended are unknown.
    let broken = vec![Test { end_reason: "connection_lost", uncounted_bytes: -7, ..CANARY }; 9];
    let passed = said(&[&fine, &broken], asked.clone()).await;
    assert_eq!((passed.verdict(), passed.samples), (Verdict::Pass, 180), "{passed:?}");
    for (direction, uncounted) in [("download", 2), ("download", -1), ("upload", -1)] {
        let failed = said(&[&fine, &of(direction, uncounted, 1)], asked.clone()).await;
        assert_eq!(failed.verdict(), Verdict::Fail, "{failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_gap_counts_within_the_test_and_in_nineteen_of_twenty() {
    let of = |polls_missed, longest_gap_us, count| {
        vec![Test { polls_missed, longest_gap_us, ..CANARY }; count]
    };
    let asked = asked(Metric::LongestSnapshotGapMilliseconds, Bound::Limit(100.0));
    // A connection that lingers is polled less often after its test.
    let fine = of(0, 1_000_000, 200);
    let passed = said(&[&fine], asked.clone()).await;
    assert_eq!((passed.verdict(), passed.value), (Verdict::Pass, Some(10.0)), "{passed:?}");
    let rare = said(&[&fine, &of(50, 500_000, 3)], asked.clone()).await;
    assert_eq!(rare.verdict(), Verdict::Pass, "{rare:?}");
    let often = said(&[&fine, &of(50, 500_000, 50)], asked).await;
    assert_eq!((often.verdict(), often.value), (Verdict::Fail, Some(500.0)), "{often:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_more_tests_than_are_compared_the_same_sample_is_taken_each_time() {
    let fixture = with(|settings| settings.gate_samples = 120).await;
    commit(&fixture, 1, &[spread(&STABLE, 400), spread(&CANARY, 150)].concat()).await;
    let mut gates = fixture.gates().await;
    let first = measured(&mut gates, throughput()).await;
    assert_eq!((first.samples, first.baseline_samples), (120, 120));
    let words = "; by the hash of their flow_id, 120 of the 150 tests of the new revision and 120 \
                 of the 400 tests of the other";
    assert!(first.explanation.ends_with(words), "{}", first.explanation);
    // The files of the tables change, and what they hold does not.
    commit(&fixture, 2, &spread(&Test { revision: "edge-3", ..CANARY }, 10)).await;
    let again = measured(&mut gates, throughput()).await;
    assert_eq!((again.value, again.interval), (first.value, first.interval));
    // The sample is one that everybody finds.
    let sql = "SELECT median(throughput_bits_per_s) FROM (SELECT throughput_bits_per_s \
               FROM speed_tests WHERE arm = 'canary' AND revision = 'edge-2' \
               ORDER BY md5(flow_id) LIMIT 120)";
    let rows = ask(&mut fixture.client().await, sql).await.unwrap();
    let median = rows[0].column(0).as_primitive::<Float64Type>().value(0);
    assert!((median / first.value.unwrap() - 1.0).abs() < 1e-12, "{median}");
    // More are taken where more are needed.
    let all = MeasureRequest { min_samples: 150, ..throughput() };
    assert_eq!(measured(&mut gates, all).await.samples, 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_has_the_bounds_of_every_query() {
    let fixture = with(|settings| {
        settings.queries = 1;
        settings.waiting = 0;
    })
    .await;
    commit(&fixture, 1, &spread(&STABLE, 10)).await;
    let endpoint = format!("http://{}", fixture.address);
    let mut stranger = Wire::connect(endpoint).await.unwrap();
    let refused = stranger.measure(throughput()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut gates = fixture.gates().await;
    let wrong = MeasureRequest { window_s: 0, ..throughput() };
    let error = gates.measure(wrong, WITHIN).await.unwrap_err();
    assert_eq!(error.to_string(), "the window of the gate is 0 s, and may be 1 to 2678400 s");

    let long = "SELECT a.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let mut client = fixture.client().await;
    let info = client.execute(long.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let stalled = client.do_get(ticket).await.unwrap();
    let busy = gates.measure(throughput(), WITHIN).await.unwrap_err();
    assert_eq!(busy.to_string(), "1 queries run and 0 wait for them; come again later");
    drop(stalled);
    fixture.until("trigpoint_query_queries_total", "abandoned", 1.0).await;
    assert_eq!(measured(&mut gates, throughput()).await.verdict(), Verdict::Inconclusive);
    fixture.until("trigpoint_query_running", "", 0.0).await;
    assert!(fixture.metric("trigpoint_query_requests_total", "gate") > 2.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_takes_too_long_ends_and_gives_back_what_it_has() {
    let fixture = with(|settings| settings.run_at_most = Duration::ZERO).await;
    commit(&fixture, 1, &spread(&STABLE, 10)).await;
    let error = fixture.gates().await.measure(throughput(), WITHIN).await.unwrap_err();
    assert!(error.to_string().contains("took longer than 0 s"), "{error}");
    fixture.until("trigpoint_query_queries_total", "too_long", 1.0).await;
    fixture.until("trigpoint_query_running", "", 0.0).await;
    fixture.until("trigpoint_query_memory_bytes", "", 0.0).await;
}
