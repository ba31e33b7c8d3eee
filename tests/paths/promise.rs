//! How many of so many traces may miss something.

use std::collections::BTreeMap;

use trigpoint_multipath::{FailureProbability, StoppingPoints};
use trigpoint_testkit::lab::Plan;

/// The failure probability of a whole trace, by the vertices that branch.
pub(crate) fn promised(plan: &Plan, failure_probability: FailureProbability) -> f64 {
    let branching = branches(plan).len() as i32;
    1.0 - (1.0 - failure_probability.per_vertex()).powi(branching)
}

/// What MDA comes to exactly, with stopping points that are whole numbers of probes and
/// balancers that are uniform.
pub(crate) fn exact(plan: &Plan, failure_probability: FailureProbability) -> f64 {
    let mut points = StoppingPoints::new(failure_probability.per_vertex());
    let whole = branches(plan).into_iter().map(|width| 1.0 - left_early(width, &mut points));
    1.0 - whole.product::<f64>()
}

/// The successors of each vertex that has several.
fn branches(plan: &Plan) -> Vec<usize> {
    let mut successors: BTreeMap<_, usize> = BTreeMap::new();
    for (ttl, from, _) in &plan.edges {
        *successors.entry((ttl, from)).or_default() += 1;
    }
    successors.into_values().filter(|width| *width > 1).collect()
}

/// The probability that a vertex is left before all of its successors are seen: the
/// coupon collector's chain, stopped wherever the rule stops.
fn left_early(successors: usize, points: &mut StoppingPoints) -> f64 {
    let mut seen = vec![0.0; successors + 1];
    seen[0] = 1.0;
    let mut left = 0.0;
    for probes in 1..=points.probes(successors) {
        for known in (1..=successors).rev() {
            let first = seen[known - 1] * (successors - known + 1) as f64;
            seen[known] = (seen[known] * known as f64 + first) / successors as f64;
        }
        seen[0] = 0.0;
        for (known, chance) in seen.iter_mut().enumerate().take(successors).skip(1) {
            if points.probes(known + 1) <= probes {
                left += std::mem::take(chance);
            }
        }
    }
    left
}

/// A vertex of two: one probe, and then only the same successor.
#[test]
fn a_fork_is_left_early_as_often_as_a_coin_falls_on_one_side() {
    let mut points = StoppingPoints::new(0.05);
    assert_eq!(points.probes(2), 6);
    assert!((left_early(2, &mut points) - 0.5_f64.powi(5)).abs() < 1e-12);
    assert!((0.04..0.05).contains(&left_early(16, &mut points)));
}
