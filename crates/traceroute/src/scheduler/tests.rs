use std::net::IpAddr;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::sync::{mpsc, oneshot};
use trigpoint_record::FlowIdPrefix;
use trigpoint_record::tables::traces::{
    self as row, Limits as RunLimits, Run, Scope, StopReason, Trigger,
};

use super::*;

/// Traces that end when the test says so.
struct ByHand {
    begun: mpsc::UnboundedSender<(IpAddr, oneshot::Sender<Traced>)>,
}

impl Tracer for ByHand {
    async fn trace(&self, target: IpAddr) -> Traced {
        let (done, traced) = oneshot::channel();
        self.begun.send((target, done)).unwrap();
        traced.await.unwrap()
    }

    fn interrupt(&self) {}
}

struct Bench {
    scheduler: Scheduler<ByHand>,
    begun: mpsc::UnboundedReceiver<(IpAddr, oneshot::Sender<Traced>)>,
    rows: Receiver<Trace>,
    clients: u64,
}

/// Far above what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { running: 2, waiting: 8, cache_age: Duration::from_mins(10) };

fn bench(limits: Limits) -> Bench {
    let (sender, begun) = mpsc::unbounded_channel();
    let (queue, rows) = sync_channel(100);
    let metrics = Metrics::new(&prometheus::Registry::new()).unwrap();
    let recorder = Recorder::new(queue, metrics.clone());
    let tracer = ByHand { begun: sender };
    let scheduler = Scheduler::new(tracer, Rules::default(), limits, recorder, metrics);
    Bench { scheduler, begun, rows, clients: 0 }
}

impl Bench {
    /// Tells of a client; `cookie` of its connection counts from 1.
    fn take(&mut self, address: &str) {
        self.clients += 1;
        let flow_id = FlowIdPrefix::new("host", 1).flow_id(self.clients);
        self.scheduler.take(Client {
            test_id: Some(flow_id.to_string()),
            flow_id,
            opened_time: 1,
            trigger: Trigger::Close,
            address: address.parse().unwrap(),
            server: "192.0.2.1".parse().unwrap(),
        });
    }

    /// Waits for the next trace to begin.
    async fn begun(&mut self) -> (String, oneshot::Sender<Traced>) {
        let begun = tokio::time::timeout(DEADLINE, self.begun.recv()).await;
        let (target, done) = begun.expect("no trace begins").unwrap();
        (target.to_string(), done)
    }

    async fn end(&mut self, done: oneshot::Sender<Traced>, outcome: Outcome) {
        self.end_with(done, outcome, None).await;
    }

    async fn end_with(
        &mut self,
        done: oneshot::Sender<Traced>,
        outcome: Outcome,
        detail: Option<String>,
    ) {
        let run = (outcome == Outcome::Complete).then(run);
        done.send(Traced { outcome, detail, run }).unwrap();
        self.scheduler.advance().await;
    }

    /// The rows so far: number of the connection, outcome, and whose trace it
    /// repeats.
    fn rows(&self) -> Vec<(u64, Outcome, Option<u64>)> {
        let number = |id: &str| u64::from_str_radix(&id[id.len() - 16..], 16).unwrap();
        let rows = self.rows.try_iter().map(|row| {
            let cached = row.cached.map(|origin| number(origin.flow_id.as_str()));
            (number(row.flow_id.as_str()), row.findings.outcome, cached)
        });
        rows.collect()
    }
}

fn run() -> Run {
    Run {
        source: None,
        protocol: row::Protocol::Udp,
        destination_port: None,
        probe_bytes: None,
        receiver: row::Receiver::ErrorQueue,
        algorithm: row::Algorithm::Mda,
        failure_probability: 0.05,
        failure_probability_scope: Scope::Trace,
        limits: RunLimits {
            max_probes: 1,
            max_ttl: 1,
            gap_limit: 1,
            attempts: 1,
            reply_timeout_ms: 1,
        },
        start_time: 1,
        end_time: 2,
        elapsed_us: 1,
        stop_reason: Some(StopReason::Completed),
        reaches_target: true,
        confidence: 1.0,
        path_changes: 0,
        ignored_replies: 0,
        hops: Vec::new(),
        nodes: Vec::new(),
        links: Vec::new(),
        diamonds: Vec::new(),
        probes: Vec::new(),
    }
}

#[tokio::test]
async fn one_trace_serves_all_clients_of_its_address() {
    let mut bench = bench(LIMITS);
    bench.take("198.51.100.7");
    bench.take("198.51.100.7");
    let (target, done) = bench.begun().await;
    assert_eq!(target, "198.51.100.7");
    bench.end(done, Outcome::Complete).await;
    bench.take("198.51.100.7");
    let complete = Outcome::Complete;
    let expected = [(1, complete, None), (2, complete, Some(1)), (3, complete, Some(1))];
    assert_eq!(bench.rows(), expected);
    assert!(bench.begun.try_recv().is_err() && bench.scheduler.is_idle());
}

#[tokio::test]
async fn hosts_of_one_ipv6_network_share_a_trace_and_others_do_not() {
    let mut bench = bench(LIMITS);
    bench.take("2001:db8:0:1::7");
    bench.take("2001:db8:0:1:ffff::8");
    bench.take("2001:db8:0:2::7");
    let targets = [bench.begun().await.0, bench.begun().await.0];
    assert_eq!(targets, ["2001:db8:0:1::7", "2001:db8:0:2::7"]);
    assert!(bench.begun.try_recv().is_err());
}

#[tokio::test]
async fn a_trace_that_is_too_old_is_not_repeated() {
    let mut bench = bench(Limits { cache_age: Duration::ZERO, ..LIMITS });
    for _ in 0..2 {
        bench.take("198.51.100.7");
        let (_, done) = bench.begun().await;
        bench.end(done, Outcome::Complete).await;
    }
    assert_eq!(bench.rows(), [(1, Outcome::Complete, None), (2, Outcome::Complete, None)]);
}

#[tokio::test]
async fn a_failure_is_everyones_who_waited_and_nobody_elses() {
    let mut bench = bench(LIMITS);
    bench.take("198.51.100.7");
    bench.take("198.51.100.7");
    let (_, done) = bench.begun().await;
    bench.end(done, Outcome::SkippedNoRoute).await;
    let no_route = Outcome::SkippedNoRoute;
    assert_eq!(bench.rows(), [(1, no_route, None), (2, no_route, None)]);
    bench.take("198.51.100.7");
    bench.begun().await;
}

#[tokio::test]
async fn a_trace_in_which_something_went_wrong_here_is_not_repeated_later() {
    let mut bench = bench(LIMITS);
    for _ in 0..2 {
        bench.take("198.51.100.7");
        let (_, done) = bench.begun().await;
        bench.end_with(done, Outcome::Complete, Some("no socket is free".to_owned())).await;
    }
    assert_eq!(bench.rows(), [(1, Outcome::Complete, None), (2, Outcome::Complete, None)]);
}

#[tokio::test]
async fn more_clients_wait_and_too_many_are_skipped() {
    let mut bench = bench(Limits { running: 1, waiting: 2, ..LIMITS });
    for address in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        bench.take(address);
    }
    assert_eq!(bench.rows(), [(3, Outcome::SkippedQueueFull, None)]);
    let (_, done) = bench.begun().await;
    assert!(bench.begun.try_recv().is_err(), "one at a time");
    bench.end(done, Outcome::Complete).await;
    assert_eq!(bench.begun().await.0, "198.51.100.2");
    assert_eq!(bench.rows(), [(1, Outcome::Complete, None)]);
}

#[tokio::test]
async fn at_the_end_each_client_has_its_row() {
    let mut bench = bench(Limits { running: 1, ..LIMITS });
    for address in ["198.51.100.1", "198.51.100.2", "198.51.100.1", "127.0.0.1"] {
        bench.take(address);
    }
    let (_, done) = bench.begun().await;
    bench.scheduler.stop();
    bench.take("198.51.100.5");
    let stopped = Outcome::SkippedStopped;
    let expected = [(4, Outcome::SkippedLoopback, None), (2, stopped, None), (5, stopped, None)];
    assert_eq!(bench.rows(), expected);
    bench.scheduler.abandon();
    drop(done);
    let interrupted = Outcome::Interrupted;
    assert_eq!(bench.rows(), [(1, interrupted, None), (3, interrupted, None)]);
    assert!(bench.scheduler.is_idle());
}
