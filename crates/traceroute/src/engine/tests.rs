//! Over the real sockets, to this host: it answers at the first hop.

use std::net::{Ipv4Addr, UdpSocket};

use trigpoint_record::tables::traces::{Answer, BranchEnd, StopReason};

use super::*;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn engine(port: u16, probes_per_s: u32) -> Engine {
    let settings = Settings {
        trace: trigpoint_multipath::Settings::default(),
        method: Method::Udp { port },
        prober: trigpoint_prober::Settings {
            exclude: ["192.0.2.0/24".parse().unwrap()].into_iter().collect(),
            ..trigpoint_prober::Settings::default()
        },
        probes_per_s,
    };
    Engine::without_metrics(settings).unwrap()
}

/// A port to which nobody listens.
fn closed_port() -> u16 {
    UdpSocket::bind((HERE, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn traces_side_by_side_each_find_the_path_and_say_how() {
    let engine = engine(closed_port(), 1000);
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
    let engine = engine(silent.local_addr().unwrap().port(), 1000);
    let interrupted = async {
        silent.recv(&mut [0; 1]).await.unwrap();
        let running = engine.running().await;
        engine.interrupt();
        running
    };
    let (traced, running) = tokio::join!(engine.trace(HERE), interrupted);
    let [running] = &running[..] else { panic!("{running:?}") };
    assert!(!running.probes.is_empty() && running.stop_reason.is_none());
    assert!(engine.running().await.is_empty(), "it has ended");
    assert_eq!(traced.outcome, Outcome::Interrupted);
    let run = traced.run.unwrap();
    assert_eq!((run.stop_reason, run.reaches_target), (None, false));
    assert!(!run.probes.is_empty());
}

#[tokio::test]
async fn an_address_that_may_not_be_probed_is_skipped_with_the_reason() {
    let traced = engine(closed_port(), 1000).trace("192.0.2.9".parse().unwrap()).await;
    assert_eq!(traced.outcome, Outcome::SkippedExcluded);
    assert!(traced.detail.unwrap().contains("192.0.2.0/24"));
    assert!(traced.run.is_none());
}
