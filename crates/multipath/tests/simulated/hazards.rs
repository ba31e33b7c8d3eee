//! Real networks: silence, loss, limits, loops, changes.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use trigpoint_multipath::{
    End, FailureProbability, Flow, MplsLabel, Next, Path, ProbeId, Purpose, Reply, ReplyKind,
    Settings, StopReason, Strategy, Trace,
};

use crate::network::{Network, Run, START, found, trace};
use crate::topology::{Topology, address};

const BOTH: [Strategy; 2] = [Strategy::Mda, Strategy::MdaLite];
/// Linux's default: six answers at once, then one per second.
const LINUX: Option<(u32, f64)> = Some((6, 1.0));

fn settings(strategy: Strategy) -> Settings {
    Settings { strategy, ..Settings::default() }
}

fn run(topology: Topology, strategy: Strategy, seed: u64) -> Path {
    trace(settings(strategy), Network::new(&Arc::new(topology), seed))
}

fn addresses(path: &Path, ttl: usize) -> Vec<Option<IpAddr>> {
    path.hops[ttl - 1].vertices.iter().map(|vertex| vertex.address).collect()
}

fn last_answer(path: &Path) -> Duration {
    path.probes.iter().map(|probe| probe.sent).max().unwrap_or_default()
}

#[test]
fn a_chain_is_walked_in_about_one_round_trip_per_hop() {
    let chain = Topology::layers(&[1; 12]);
    let path = run(chain, Strategy::Mda, 0);
    assert_eq!((path.hops.len(), path.diamonds.len()), (11, 0));
    // 66 ms of round trips, and 22 ms of pacing at the last hop.
    assert!(last_answer(&path) < Duration::from_millis(150), "{:?}", last_answer(&path));
    assert!(path.confidence > 0.999);
}

#[test]
fn a_single_path_takes_one_probe_per_hop() {
    let path = run(Topology::layers(&[1, 1, 4, 4, 1]), Strategy::SinglePath, 3);
    assert_eq!(path.probes.len(), 4);
    assert!(path.probes.iter().all(|probe| probe.flow == Flow(0)));
    assert_eq!((path.stop, path.reaches_destination), (Some(StopReason::Completed), true));
    assert_eq!(path.edges.len(), 4);
}

#[test]
fn a_silent_destination_ends_at_the_gap_limit() {
    for strategy in [Strategy::SinglePath, Strategy::Mda, Strategy::MdaLite] {
        let topology = Topology::layers(&[1, 1, 2, 1, 1]).with(&[5], |end| end.is_silent = true);
        let path = run(topology, strategy, 1);
        assert_eq!((path.stop, path.reaches_destination), (Some(StopReason::GapLimit), false));
        assert_eq!(path.hops.len(), 3, "{path:#?}");
        let in_vain = path.probes.iter().filter(|probe| probe.ttl > 3).count();
        assert!(in_vain <= 50, "{strategy:?}: {in_vain} probes to nobody");
        assert!(last_answer(&path) < Duration::from_secs(7), "{:?}", last_answer(&path));
    }
}

#[test]
fn behind_a_wide_diamond_silence_is_not_asked_for_each_branch() {
    let topology = Topology::layers(&[1, 16, 1]).with(&[17], |end| end.is_silent = true);
    for strategy in BOTH {
        let path = run(topology.clone(), strategy, 1);
        assert_eq!(path.stop, Some(StopReason::GapLimit));
        let in_vain = path.probes.iter().filter(|probe| probe.ttl > 1).count();
        assert!(in_vain <= 100, "{strategy:?}: {in_vain} probes to nobody");
    }
}

#[test]
fn a_silent_router_is_a_vertex_without_an_address() {
    for strategy in BOTH {
        let topology = Topology::layers(&[1, 1, 1, 1]).with(&[2], |router| router.is_silent = true);
        let path = run(topology, strategy, 1);
        assert_eq!(path.stop, Some(StopReason::Completed));
        assert_eq!(addresses(&path, 2), [None]);
        assert_eq!(path.edges.len(), 3);
        assert_eq!((path.hops[1].loss, path.hops[1].is_rate_limited), (None, false));
    }
}

#[test]
fn silence_on_two_branches_stays_two_vertices() {
    for strategy in BOTH {
        let topology = Topology::layers(&[1, 2, 2, 1]).with(&[3, 4], |r| r.is_silent = true);
        let path = run(topology, strategy, 1);
        assert_eq!(path.stop, Some(StopReason::Completed));
        assert_eq!(addresses(&path, 2), [None, None]);
        let from_first: Vec<_> = path.edges.iter().filter(|edge| edge.ttl == 1).collect();
        assert_eq!(from_first.len(), 2);
        assert_ne!(from_first[0].to, from_first[1].to);
    }
}

#[test]
fn a_silent_router_among_answering_ones_is_found() {
    for strategy in BOTH {
        let mut found = 0;
        for seed in 0..100 {
            let topology = Topology::layers(&[1, 1, 4, 1]).with(&[3], |r| r.is_silent = true);
            let path = run(topology, strategy, seed);
            assert_eq!(path.stop, Some(StopReason::Completed));
            let silent = addresses(&path, 2).iter().filter(|address| address.is_none()).count();
            assert!(silent <= 1, "{strategy:?} {seed}");
            assert!(!path.hops[1].is_rate_limited, "{strategy:?} {seed}");
            found += usize::from((path.diamonds[0].width, silent) == (4, 1));
        }
        // A share that is much too small is taken for loss.
        assert!(found >= 97, "{strategy:?}: found in {found} of 100");
    }
}

#[test]
fn a_per_packet_balancer_is_told_from_a_per_flow_one() {
    for strategy in BOTH {
        for seed in 0..50 {
            let topology = Topology::layers(&[1, 1, 4, 4, 1, 1]);
            let path = run(topology.with(&[1], |r| r.is_per_packet = true), strategy, seed);
            assert_eq!(path.stop, Some(StopReason::Completed));
            assert!(path.hops[0].vertices[0].is_per_packet_balancer, "{strategy:?} {seed}");
            let per_packet: Vec<bool> = path.hops.iter().map(|hop| hop.is_per_packet).collect();
            assert_eq!(per_packet, [false, true, true, true, false]);
            assert_eq!(path.diamonds.len(), 1);
            assert!(path.diamonds[0].is_per_packet);
            // One of 200 each may miss one.
            assert!((path.diamonds[0].width) >= 3);
            // No flow says which of the four leads to which.
            assert!(path.edges.iter().all(|edge| edge.ttl != 2));
            assert!(path.probes.len() < 200, "{}", path.probes.len());
        }
    }
    let path = run(Topology::layers(&[1, 1, 4, 1]), Strategy::Mda, 1);
    assert!(path.hops.iter().all(|hop| !hop.is_per_packet));
}

#[test]
fn unequal_branches_are_followed_to_their_ends() {
    // 1 leads to the destination at once, 2 over two routers more.
    let text = "start 10.0.0.1\nstart 10.0.0.2\n10.0.0.1 end\n\
                10.0.0.2 10.0.0.3\n10.0.0.3 10.0.0.4\n10.0.0.4 end";
    for strategy in BOTH {
        for seed in 0..50 {
            let topology = Topology::fakeroute(text);
            let truth = topology.truth();
            let path = run(topology, strategy, seed);
            let found = found(&path);
            assert_eq!(path.stop, Some(StopReason::Completed));
            assert_eq!((found.vertices, found.edges), (truth.vertices, truth.edges), "{seed}");
        }
    }
}

#[test]
fn a_loop_ends_the_trace() {
    let topology = Topology::layers(&[1, 1, 1, 1, 1]).with(&[3], |r| r.successors = vec![2]);
    for strategy in [Strategy::SinglePath, Strategy::Mda, Strategy::MdaLite] {
        let path = run(topology.clone(), strategy, 1);
        assert_eq!((path.stop, path.reaches_destination), (Some(StopReason::Loop), false));
        assert_eq!(path.hops.last().unwrap().vertices[0].end, Some(End::Loop));
        assert_eq!(path.hops.len(), 4);
    }
}

#[test]
fn one_address_on_two_hops_in_a_row_is_no_loop() {
    let topology = Topology::layers(&[1; 5]).with(&[2], |r| r.forwards_the_dead = true);
    for strategy in BOTH {
        let path = run(topology.clone(), strategy, 1);
        assert_eq!(path.stop, Some(StopReason::Completed));
        assert_eq!(addresses(&path, 2), addresses(&path, 3));
    }
}

#[test]
fn a_refusal_ends_the_trace() {
    let topology = Topology::layers(&[1; 5]).with(&[2], |r| r.refuses_with = Some(13));
    let path = run(topology, Strategy::Mda, 1);
    assert_eq!((path.stop, path.reaches_destination), (Some(StopReason::Unreachable), false));
    assert_eq!(path.hops.last().unwrap().vertices[0].end, Some(End::Unreachable(13)));
}

#[test]
fn labels_are_kept() {
    let label = MplsLabel { label: 24_017, traffic_class: 0, is_bottom: true, ttl: 1 };
    let topology = Topology::layers(&[1; 4]).with(&[2], |r| r.labels = vec![label]);
    let path = run(topology, Strategy::Mda, 1);
    assert_eq!(path.hops[1].vertices[0].labels, [label]);
    assert!(path.hops[0].vertices[0].labels.is_empty());
}

#[test]
fn a_limited_hop_is_slowed_down_until_it_answers() {
    for strategy in BOTH {
        for seed in 0..10 {
            let topology = Topology::layers(&[1, 1, 1, 1, 1]).with(&[2], |r| r.limit = LINUX);
            let path = run(topology, strategy, seed);
            assert_eq!(path.stop, Some(StopReason::Completed));
            let limited: Vec<bool> = path.hops.iter().map(|hop| hop.is_rate_limited).collect();
            assert_eq!(limited, [false, true, false, false], "{strategy:?} {seed}");
            assert!(path.hops[1].rate_per_s < 500.0);
            assert_eq!((path.hops[1].loss, path.hops[2].loss), (None, Some(0.0)));
            assert_eq!(path.hops[1].vertices.len(), 1, "what is limited is not silent");
        }
    }
}

#[test]
fn a_wide_diamond_behind_default_limits_is_whole_or_says_why_not() {
    let topology = Topology::layers(&[1, 1, 16, 1]);
    let everybody: Vec<usize> = (1..topology.routers.len()).collect();
    let topology = topology.with(&everybody, |r| r.limit = LINUX);
    for strategy in BOTH {
        let path = run(topology.clone(), strategy, 1);
        let whole = found(&path).vertices == topology.truth().vertices;
        assert!(whole || path.stop == Some(StopReason::TimeBudget));
        assert!(last_answer(&path) <= Duration::from_mins(1));
        assert_eq!(path.path_changes, 0);
        assert!(path.hops[0].is_rate_limited);
        assert!(path.hops.iter().filter(|hop| hop.is_rate_limited).all(|hop| hop.loss.is_none()));
    }
}

#[test]
fn loss_of_the_path_is_loss() {
    let (mut limited, mut hops, mut whole) = (0, 0, 0);
    for seed in 0..100 {
        let topology = Arc::new(Topology::layers(&[1, 1, 1, 4, 1, 1]));
        let mut network = Network::new(&topology, seed);
        network.loss = 0.02;
        let path = trace(settings(Strategy::Mda), network);
        assert_eq!(path.stop, Some(StopReason::Completed));
        limited += path.hops.iter().filter(|hop| hop.is_rate_limited).count();
        hops += path.hops.len();
        whole += usize::from(found(&path).vertices == topology.truth().vertices);
        let last = path.hops.last().unwrap();
        assert!(last.is_rate_limited || last.loss.is_some());
    }
    println!("{limited} of {hops} hops taken for limited; {whole} of 100 whole");
    assert!(limited * 100 <= 5 * hops, "{limited} of {hops} hops taken for limited");
    assert!(whole >= 95, "{whole} of 100 whole");
}

#[test]
fn late_answers_count() {
    let topology = Arc::new(Topology::layers(&[1, 2, 1]));
    let link_delay = Duration::from_millis(600);
    let mut network = Network::new(&topology, 1);
    network.link_delay = link_delay;
    let path = trace(settings(Strategy::Mda), network);
    assert_eq!(path.stop, Some(StopReason::Completed));
    assert_eq!(found(&path).vertices, topology.truth().vertices);
    assert!(path.probes.iter().any(|probe| probe.was_lost && probe.reply.is_some()));
}

#[test]
fn a_path_that_changes_shows_no_diamond() {
    let before = Arc::new(Topology::layers(&[1, 1, 1, 1, 1, 1]));
    let other = Topology::layers(&[1, 1, 1, 1, 1, 1]).with(&[2, 3], |router| {
        router.address = match router.address {
            IpAddr::V4(address) => IpAddr::V4((u32::from(address) + 256).into()),
            IpAddr::V6(_) => unreachable!(),
        };
    });
    let other = Arc::new(other);
    let mut noticed = 0;
    for strategy in BOTH {
        for millisecond in 0..60 {
            let change = START + Duration::from_millis(millisecond);
            let network = Network::new(&before, 1).changing(change, &other);
            let path = trace(settings(strategy), network);
            assert_eq!(path.stop, Some(StopReason::Completed));
            assert!(path.diamonds.is_empty(), "{strategy:?}, {millisecond} ms: {path:#?}");
            if path.path_changes > 0 {
                noticed += 1;
                assert_eq!(found(&path).vertices, other.truth().vertices, "{millisecond} ms");
                assert!(path.probes.iter().any(|probe| probe.is_outdated));
            }
        }
    }
    assert!(noticed >= 30, "noticed {noticed} of 120");
}

#[test]
fn branches_that_vanish_are_not_looked_for_for_ever() {
    let before = Arc::new(Topology::layers(&[1, 4, 1, 1]));
    let after = Topology::layers(&[1, 4, 1, 1]).with(&[0], |source| source.successors = vec![1]);
    let after = Arc::new(after);
    for seed in 0..20 {
        // All of hop 1 has been asked by then, and none of hop 2.
        let change = START + Duration::from_millis(75);
        let network = Network::new(&before, seed).changing(change, &after);
        let path = trace(settings(Strategy::Mda), network);
        assert_eq!((path.stop, path.path_changes), (Some(StopReason::Completed), 1), "{seed}");
        assert_eq!(addresses(&path, 1), [Some(address(1))]);
        assert!(path.probes.len() < 250, "{}", path.probes.len());
    }
}

#[test]
fn each_budget_has_its_reason() {
    let topology = Topology::layers(&[1, 1, 16, 1]);
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings(Strategy::Mda);
        change(&mut settings);
        trace(settings, Network::new(&Arc::new(topology.clone()), 1))
    };
    let probes = with(|settings| settings.max_probes = 100);
    assert_eq!((probes.stop, probes.probes.len()), (Some(StopReason::ProbeBudget), 100));
    assert!(probes.confidence < 0.9, "{}", probes.confidence);
    let time = with(|settings| settings.max_duration = Duration::from_millis(100));
    assert_eq!(time.stop, Some(StopReason::TimeBudget));
    assert!(last_answer(&time) < Duration::from_millis(100));
    let hops = with(|settings| settings.max_ttl = 2);
    assert_eq!((hops.stop, hops.hops.len()), (Some(StopReason::HopLimit), 2));
    assert!(with(|_| ()).confidence > 0.95);
}

#[test]
fn diamonds_are_measured() {
    let per_vertex = FailureProbability::PerTrace(0.001);
    let settings = Settings { failure_probability: per_vertex, ..settings(Strategy::Mda) };
    let topology = Arc::new(Topology::layers(&[1, 1, 2, 4, 1, 3, 1]));
    let path = trace(settings.clone(), Network::new(&topology, 5));
    let shapes: Vec<_> = path
        .diamonds
        .iter()
        .map(|d| (d.divergence_ttl, d.convergence_ttl, d.width, d.length, d.is_meshed))
        .collect();
    assert_eq!(shapes, [(1, Some(4), 4, 3, false), (4, Some(6), 3, 2, false)]);
    let meshed = Arc::new(Topology::meshed(&[1, 1, 3, 3, 1]));
    let path = trace(settings, Network::new(&meshed, 5));
    assert!(path.diamonds[0].is_meshed);
    assert_eq!(path.diamonds[0].width_asymmetry, 0);
}

#[test]
fn answers_to_nothing_are_counted_and_ignored() {
    let topology = Arc::new(Topology::layers(&[1, 1, 1]));
    let mut run = Run::new(settings(Strategy::Mda), Network::new(&topology, 1));
    let from = address(77);
    let forged = Reply { from, kind: ReplyKind::Destination, labels: Vec::new() };
    assert!(!run.trace.on_reply(ProbeId(9), &forged, run.now));
    while run.step().is_none() {}
    assert!(!run.trace.on_reply(ProbeId(0), &forged, run.now));
    let path = run.trace.path();
    assert_eq!(path.ignored_replies, 2);
    assert!(!addresses(&path, 1).contains(&Some(from)));
}

#[test]
fn each_probe_has_its_purpose_and_times() {
    let path = run(Topology::layers(&[1, 1, 2, 1]), Strategy::Mda, 1);
    for probe in &path.probes {
        let reply = probe.reply.as_ref().unwrap();
        let round_trip = Duration::from_millis(u64::from(probe.ttl));
        assert_eq!(reply.received, probe.sent + round_trip);
    }
    let of = |purpose| path.probes.iter().filter(|probe| probe.purpose == purpose).count();
    assert_eq!((of(Purpose::PerPacketTest), of(Purpose::PathCheck)), (11, 0));
}

#[test]
fn nothing_is_sent_faster_than_the_rate() {
    let mut trace = Trace::new(settings(Strategy::Mda), START);
    let Next::Send(first) = trace.next(START) else { panic!("no first probe") };
    assert_eq!((first.ttl, first.flow, first.id), (1, Flow(0), ProbeId(0)));
    let later = START + Duration::from_millis(2);
    assert_eq!(trace.next(START), Next::Wait { until: later });
    assert!(matches!(trace.next(later), Next::Send(_)));
}

/// Its number, its hop's rate, the attempts of its flow: nothing is used up.
#[test]
fn a_probe_that_could_not_be_sent_changes_nothing() {
    let topologies = [
        Topology::layers(&[1, 1, 4, 4, 1]),
        Topology::layers(&[1, 3, 1]).with(&[0], |balancer| balancer.is_per_packet = true),
        Topology::layers(&[1, 1, 2, 1]).with(&[1], |limited| limited.limit = LINUX),
    ];
    for (topology, strategy) in topologies.iter().flat_map(|it| BOTH.map(|both| (it, both))) {
        let mut lossy = Network::new(&Arc::new(topology.clone()), 5);
        lossy.loss = 0.05;
        let mut refused = Run::new(settings(strategy), lossy.clone());
        refused.refusals = 2;
        assert_eq!(refused.finish(), trace(settings(strategy), lossy));
    }
}

#[test]
fn a_probe_is_withdrawn_at_once_or_not_at_all() {
    let mut trace = Trace::new(Settings::default(), START);
    let Next::Send(probe) = trace.next(START) else { panic!("nothing to send") };
    trace.on_timeout(START);
    trace.withdraw();
    assert_eq!(trace.path().probes.len(), 1);
    let Next::Send(next) = trace.next(START + Duration::from_secs(1)) else { panic!("waits") };
    assert_ne!(probe.id, next.id);
    trace.withdraw();
    trace.withdraw();
    assert_eq!(trace.path().probes.len(), 1);
}
