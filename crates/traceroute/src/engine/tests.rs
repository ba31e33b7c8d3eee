//! Over the real sockets, to this host: it answers at the first hop.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use futures::future::join_all;
use socket2::{Domain, Socket, Type};
use tokio::time::timeout;
use trigpoint_multipath::Strategy;
use trigpoint_record::tables::traces::{Answer, BranchEnd, StopReason};

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Far above what a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(30);

fn settings(port: u16) -> Settings {
    Settings {
        trace: trigpoint_multipath::Settings::default(),
        method: Method::Udp { port },
        prober: trigpoint_prober::Settings {
            exclude: ["192.0.2.0/24".parse().unwrap()].into_iter().collect(),
            ..trigpoint_prober::Settings::default()
        },
        probes_per_s: 1000,
    }
}

fn engine(port: u16) -> Engine {
    Engine::without_metrics(settings(port)).unwrap()
}

fn metrics() -> Metrics {
    Metrics::new(&prometheus::Registry::new()).unwrap()
}

/// A port to which nobody listens.
fn closed_port() -> u16 {
    UdpSocket::bind((HERE, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn traces_side_by_side_each_find_the_path_and_say_how() {
    let engine = engine(closed_port());
    let (one, other) = tokio::join!(engine.trace(HERE), engine.trace(HERE));
    for traced in [one, other] {
        assert_eq!((traced.outcome, traced.detail), (Outcome::Complete, None));
        let run = traced.run.unwrap();
        assert!(run.reaches_target);
        assert_eq!((run.stop_reason, run.source), (Some(StopReason::Completed), Some(HERE)));
        let [node] = &run.nodes[..] else { panic!("{:?}", run.nodes) };
        assert_eq!((node.ttl, node.ip, node.end), (1, Some(HERE), Some(BranchEnd::Target)));
        let [link] = &run.links[..] else { panic!("{:?}", run.links) };
        assert_eq!((link.ttl, link.to_node), (0, 0));
        let answered: Vec<_> = run.probes.iter().filter_map(|it| it.reply.as_ref()).collect();
        assert!(!answered.is_empty());
        for reply in answered {
            assert_eq!((reply.ip, reply.answer), (HERE, Answer::Unreachable(3)));
        }
        let ports: Vec<_> = node
            .flows
            .iter()
            .map(|flow| {
                let probe = run.probes.iter().find(|probe| probe.flow == *flow).unwrap();
                probe.source_port.unwrap()
            })
            .collect();
        assert!(ports.len() > 1, "one flow finds no branches");
        assert!((1..ports.len()).all(|at| !ports[..at].contains(&ports[at])), "{ports:?}");
    }
}

#[tokio::test]
async fn a_trace_that_is_interrupted_keeps_what_it_has_found() {
    // It reads nothing and answers nothing.
    let silent = UdpSocket::bind((HERE, 0)).unwrap();
    silent.set_nonblocking(true).unwrap();
    let silent = tokio::net::UdpSocket::from_std(silent).unwrap();
    let engine = engine(silent.local_addr().unwrap().port());
    let interrupted = async {
        silent.recv(&mut [0; 1]).await.unwrap();
        let running = engine.running().await;
        engine.interrupt();
        running
    };
    let both = async { tokio::join!(engine.trace(HERE), interrupted) };
    let (traced, running) = timeout(DEADLINE, both).await.expect("it goes on");
    let [running] = &running[..] else { panic!("{running:?}") };
    assert!(!running.probes.is_empty() && running.stop_reason.is_none());
    assert!(engine.running().await.is_empty(), "it has ended");
    assert_eq!(traced.outcome, Outcome::Interrupted);
    let run = traced.run.unwrap();
    assert_eq!((run.stop_reason, run.reaches_target), (None, false));
    assert!(!run.probes.is_empty());
}

/// A service that answers nobody: whom it might accept is already there.
fn full_service() -> (u16, [Socket; 2]) {
    let [service, client] =
        [(); 2].map(|()| Socket::new(Domain::IPV4, Type::STREAM, None).unwrap());
    service.bind(&SocketAddr::new(HERE, 0).into()).unwrap();
    service.listen(0).unwrap();
    let address = service.local_addr().unwrap();
    client.connect(&address).unwrap();
    (address.as_socket().unwrap().port(), [service, client])
}

/// The trace gives an attempt to connect up before the socket does, which the flow's
/// next one has to wait for.
#[tokio::test]
async fn a_probe_whose_flow_is_busy_is_sent_when_it_is_free() {
    let (port, _sockets) = full_service();
    let mut settings = settings(port);
    settings.method = Method::Tcp { port };
    settings.trace.strategy = Strategy::SinglePath;
    settings.trace.reply_timeout = Duration::from_millis(50);
    settings.trace.gap_limit = 1;
    let engine = Engine::without_metrics(settings).unwrap();
    let traced = timeout(DEADLINE, engine.trace(HERE)).await.expect("it waits for ever");
    let run = traced.run.unwrap();
    assert_eq!(run.stop_reason, Some(StopReason::GapLimit));
    assert_eq!(run.probes.len(), 2, "one, and the same again");
    assert!(run.probes.iter().all(|probe| probe.source_port.is_some()), "{:?}", run.probes);
}

#[tokio::test]
async fn an_address_that_may_not_be_probed_is_skipped_with_the_reason() {
    let traced = engine(closed_port()).trace("192.0.2.9".parse().unwrap()).await;
    assert_eq!(traced.outcome, Outcome::SkippedExcluded);
    assert!(traced.detail.unwrap().contains("192.0.2.0/24"));
    assert!(traced.run.is_none());
}

/// An engine that may have so many sockets at once, with its metrics.
fn short_of_sockets(sockets: usize, max_duration: Duration) -> (Engine, Metrics) {
    let mut settings = settings(closed_port());
    settings.prober.sockets = sockets;
    settings.trace.max_duration = max_duration;
    let metrics = metrics();
    (Engine::start(settings, metrics.clone()).unwrap(), metrics)
}

fn times(metrics: &Metrics, effect: &str) -> u64 {
    metrics.shortages.with_label_values(&[effect]).get()
}

/// Any one of them needs more than half of the sockets.
#[tokio::test]
async fn traces_that_are_short_of_sockets_wait_for_each_other_and_all_are_made() {
    let (engine, metrics) = short_of_sockets(12, Duration::from_mins(1));
    for traced in join_all((0..8).map(|_| engine.trace(HERE))).await {
        assert_eq!((traced.outcome, traced.detail), (Outcome::Complete, None));
        let run = traced.run.unwrap();
        assert_eq!(run.stop_reason, Some(StopReason::Completed));
        let mut flows: Vec<_> = run.probes.iter().map(|probe| probe.flow).collect();
        flows.sort_unstable();
        flows.dedup();
        assert!((7..=12).contains(&flows.len()), "{flows:?}");
        let sent: u64 = run.hops.iter().map(|hop| hop.probes).sum();
        assert_eq!(sent, run.probes.len() as u64, "probes that were not sent do not count");
        assert!(run.probes.iter().all(|probe| probe.source_port.is_some()), "not sent");
    }
    assert!(times(&metrics, "began_again") > 0);
    assert_eq!(times(&metrics, "gave_up"), 0);
}

#[tokio::test]
async fn a_trace_that_has_no_sockets_within_its_time_says_so() {
    let (engine, metrics) = short_of_sockets(3, Duration::from_secs(2));
    for traced in join_all([engine.trace(HERE), engine.trace(HERE)]).await {
        let detail = traced.detail.unwrap();
        assert!(detail.contains("3 sockets are open"), "{detail}");
        let run = traced.run.unwrap();
        assert_eq!(run.stop_reason, Some(StopReason::TimeBudget));
        assert!(run.confidence < 0.9, "{}", run.confidence);
    }
    assert_eq!(times(&metrics, "gave_up"), 2);
}

#[tokio::test]
async fn who_waits_for_sockets_when_the_program_ends_is_told() {
    let (engine, metrics) = short_of_sockets(3, Duration::from_mins(10));
    let interrupted = async {
        while times(&metrics, "began_again") == 0 {
            tokio::task::yield_now().await;
        }
        engine.interrupt();
    };
    let traces = join_all([engine.trace(HERE), engine.trace(HERE)]);
    let traces = async { tokio::join!(traces, interrupted).0 };
    let traces = timeout(DEADLINE, traces).await.expect("nobody gives way");
    let mut outcomes: Vec<_> = traces.iter().map(|traced| traced.outcome.name()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["interrupted", "skipped_stopped"]);
}
