//! The promise: no more traces miss something than the failure probability
//! says, and no more probes are sent than that takes.
//!
//! Balancers are uniform and per flow, nothing is lost, and each seed is another
//! network.  `TRIGPOINT_PROVE=full` asks for 2,000 seeds of each.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use trigpoint_multipath::{FailureProbability, Path, Purpose, Settings, StopReason, Strategy};

use crate::binomial::most_failures;
use crate::network::{Network, found, trace};
use crate::topology::{Topology, Truth};

const FAILURE_PROBABILITIES: [FailureProbability; 3] = [
    FailureProbability::PerVertex(0.05),
    FailureProbability::PerTrace(0.05),
    FailureProbability::PerVertex(0.01),
];

/// Files in Fakeroute's format; whether MDA-Lite's promise covers it: unmeshed,
/// and symmetric in width.
const FAKEROUTE: [(&str, bool, &str); 7] = [
    ("two-paths", true, include_str!("../fakeroute/two-paths")),
    ("six-paths", true, include_str!("../fakeroute/six-paths")),
    ("three-diamonds", true, include_str!("../fakeroute/three-diamonds")),
    ("two-levels", true, include_str!("../fakeroute/two-levels")),
    ("fan", true, include_str!("../fakeroute/fan")),
    ("unequal-branches", false, include_str!("../fakeroute/unequal-branches")),
    ("branch-within-branch", false, include_str!("../fakeroute/branch-within-branch")),
];

/// Diamonds from the source on, with the mean numbers of probes of an
/// independent implementation: MDA and MDA-Lite at 5 %, MDA and MDA-Lite at 1 %.
const TABLE: [(&[usize], [f64; 4]); 8] = [
    (&[1, 2, 1], [26.0, 17.0, 35.0, 23.0]),
    (&[1, 4, 1], [58.0, 27.0, 76.0, 36.0]),
    (&[1, 8, 1], [125.0, 54.0, 164.0, 69.0]),
    (&[1, 16, 1], [273.0, 114.0, 346.0, 140.0]),
    (&[1, 28, 1], [499.0, 210.0, 637.0, 257.0]),
    (&[1, 4, 4, 1], [82.0, 48.0, 109.0, 64.0]),
    (&[1, 8, 8, 1], [172.0, 100.0, 226.0, 127.0]),
    (&[1, 2, 4, 2, 1], [95.0, 50.0, 125.0, 67.0]),
];
const MESHED: (&[usize], [f64; 4]) = (&[1, 4, 4, 1], [206.0, 208.0, 277.0, 280.0]);

fn is_full() -> bool {
    std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

fn seeds() -> u64 {
    if is_full() { 2000 } else { 200 }
}

fn settings(strategy: Strategy, failure_probability: FailureProbability) -> Settings {
    // The budgets are not what is looked at.
    let (max_probes, max_duration) = (u16::MAX, Duration::from_hours(1));
    Settings { strategy, failure_probability, max_probes, max_duration, ..Settings::default() }
}

/// What many traces of one topology came to.
struct Runs {
    seeds: u64,
    failed: u64,
    /// Mean number, without those of per-packet tests.
    probes: f64,
    /// Traces in which all diamonds were explored by MDA.
    switched: u64,
    /// Traces in which some were not, although all vertices were seen.
    unrecognised: u64,
}

fn run(topology: &Topology, settings: &Settings) -> Runs {
    let truth = topology.truth();
    let topology = Arc::new(topology.clone());
    let mut runs = Runs { seeds: seeds(), failed: 0, probes: 0.0, switched: 0, unrecognised: 0 };
    for seed in 0..runs.seeds {
        let path = trace(settings.clone(), Network::new(&topology, seed));
        assert_eq!(path.stop, Some(StopReason::Completed), "seed {seed}");
        runs.failed += u64::from(!is_whole(&path, &truth, seed));
        let probes = path.probes.iter().filter(|probe| probe.purpose != Purpose::PerPacketTest);
        runs.probes += probes.count() as f64 / runs.seeds as f64;
        let has_switched = path.diamonds.iter().all(|diamond| diamond.has_node_control);
        runs.switched += u64::from(has_switched);
        let has_seen_all = found(&path).vertices == truth.vertices;
        runs.unrecognised += u64::from(!has_switched && has_seen_all);
    }
    runs
}

/// Whether nothing is missing; panics if something was made up.
fn is_whole(path: &Path, truth: &Truth, seed: u64) -> bool {
    let found = found(path);
    assert!(found.vertices.is_subset(&truth.vertices), "seed {seed}: a vertex was made up");
    assert!(found.edges.is_subset(&truth.edges), "seed {seed}: an edge was made up");
    found.vertices == truth.vertices && found.edges == truth.edges
}

/// The failure probability of the whole trace.
fn promise(topology: &Topology, failure_probability: FailureProbability) -> f64 {
    let branching = topology.truth().branching as i32;
    1.0 - (1.0 - failure_probability.per_vertex()).powi(branching)
}

/// Holds a topology to the promise for each failure probability.
fn hold(name: &str, topology: &Topology, strategy: Strategy) {
    let mut report = String::new();
    let mut is_kept = true;
    let asked = if is_full() { &FAILURE_PROBABILITIES[..] } else { &FAILURE_PROBABILITIES[..2] };
    for &failure_probability in asked {
        let runs = run(topology, &settings(strategy, failure_probability));
        let most = most_failures(runs.seeds, promise(topology, failure_probability));
        is_kept &= runs.failed <= most;
        let _ = write!(
            report,
            "; {failure_probability:?}: {} of {} failed, at most {most}, {:.0} probes",
            runs.failed, runs.seeds, runs.probes
        );
    }
    println!("{name} {strategy:?}{report}");
    assert!(is_kept, "{name} {strategy:?}{report}");
}

#[test]
fn mda_keeps_its_promise_on_diamonds() {
    for (widths, _) in TABLE {
        hold(&format!("{widths:?}"), &Topology::layers(widths), Strategy::Mda);
    }
    hold("meshed 4 x 4", &Topology::meshed(MESHED.0), Strategy::Mda);
}

#[test]
fn mda_lite_keeps_its_promise_on_diamonds() {
    for (widths, _) in TABLE {
        hold(&format!("{widths:?}"), &Topology::layers(widths), Strategy::MdaLite);
    }
    for widths in [&[1, 3, 9, 27, 9, 1][..], &[1, 1, 1, 14, 28, 28, 2, 1, 1], &[1, 1, 2, 1, 5, 1]] {
        hold(&format!("{widths:?}"), &Topology::layers(widths), Strategy::MdaLite);
    }
}

#[test]
fn both_keep_it_on_fakeroute_topologies() {
    for (name, is_for_lite, text) in FAKEROUTE {
        hold(name, &Topology::fakeroute(text), Strategy::Mda);
        if is_for_lite {
            hold(name, &Topology::fakeroute(text), Strategy::MdaLite);
        }
    }
}

#[test]
fn mda_keeps_it_on_random_topologies() {
    for seed in 0..if is_full() { 4 } else { 1 } {
        let topology = Topology::random(seed, 28);
        let failure_probability = FailureProbability::PerTrace(0.05);
        let runs = run(&topology, &settings(Strategy::Mda, failure_probability));
        let promise = promise(&topology, failure_probability);
        let most = most_failures(runs.seeds, promise);
        println!(
            "random {seed}, {} branching: {} of {} failed, at most {most}, {:.0} probes",
            topology.truth().branching,
            runs.failed,
            runs.seeds,
            runs.probes
        );
        assert!(runs.failed <= most, "random topology {seed}: {} of {}", runs.failed, runs.seeds);
    }
}

#[test]
fn no_more_probes_than_it_takes() {
    let layers = TABLE.map(|(widths, probes)| (Topology::layers(widths), widths, probes));
    let meshed = (Topology::meshed(MESHED.0), MESHED.0, MESHED.1);
    for (topology, widths, expected) in layers.into_iter().chain([meshed]) {
        let columns = [
            (Strategy::Mda, 0.05),
            (Strategy::MdaLite, 0.05),
            (Strategy::Mda, 0.01),
            (Strategy::MdaLite, 0.01),
        ];
        for ((strategy, failure_probability), expected) in columns.into_iter().zip(expected) {
            let per_vertex = FailureProbability::PerVertex(failure_probability);
            let probes = run(&topology, &settings(strategy, per_vertex)).probes;
            println!("{widths:?} {strategy:?} {failure_probability}: {probes:.1} of {expected}");
            assert!(probes <= 1.15 * expected, "{widths:?} {strategy:?}: {probes}");
        }
    }
}

#[test]
fn mda_lite_hands_over_what_is_meshed_or_asymmetric() {
    let one_more_link = Topology::layers(&[1, 4, 4, 1]).with(&[1], |router| {
        router.successors.push(6);
    });
    let asymmetric = Topology::linked(&[1, 2, 4, 1], |width, _, from, to| {
        width != 2 || (from == 0) == (to == 0)
    });
    let cases = [
        ("meshed 4 x 4", Topology::meshed(&[1, 4, 4, 1]), 1.0),
        ("meshed 2 x 8", Topology::meshed(&[1, 2, 8, 1]), 1.0),
        ("meshed 8 x 2", Topology::meshed(&[1, 8, 2, 1]), 0.99),
        // Half of the flows of one vertex take the link, if it has two or more.
        ("one link more", one_more_link, 0.9),
        ("asymmetric", asymmetric, 0.99),
        ("branch within branch", Topology::fakeroute(FAKEROUTE[6].2), 0.95),
    ];
    for (name, topology, expected) in cases {
        let failure_probability = FailureProbability::PerTrace(0.05);
        let lite = settings(Strategy::MdaLite, failure_probability);
        let runs = run(&topology, &lite);
        let of_all = |traces: u64| traces as f64 / runs.seeds as f64;
        let (switched, whole) = (of_all(runs.switched), of_all(runs.seeds - runs.failed));
        // One of two vertices that is missed leaves no diamond to recognise: that is in the
        // promise, below.
        let recognised = of_all(runs.seeds - runs.unrecognised);
        println!("{name}: switched {switched:.4}, recognised {recognised:.4}, whole {whole:.4}");
        assert!(recognised >= expected, "{name}: recognised in {recognised}");
        // All that was recognised, or missed a vertex, has MDA's promise.
        let most = most_failures(runs.seeds, promise(&topology, failure_probability));
        assert!(runs.failed <= most + runs.unrecognised, "{name}: {} failed", runs.failed);
    }
}
