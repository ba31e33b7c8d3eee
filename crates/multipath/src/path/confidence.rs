//! How sure it is that nothing is missing.

use crate::lattice::Pair;
use crate::settings::Strategy;
use crate::{Trace, miss_probability};

/// By hop, from the source on: the probability that no vertex of the next hop,
/// and no edge to it, is missing.
pub(super) fn of_hops(trace: &Trace, pairs: &[Pair]) -> Vec<f64> {
    pairs.iter().enumerate().map(|(ttl, pair)| of_hop(trace, ttl, pair)).collect()
}

fn of_hop(trace: &Trace, ttl: usize, pair: &Pair) -> f64 {
    let (hop, next) = (trace.lattice().hop(ttl), trace.lattice().hop(ttl + 1));
    if trace.strategy() == Strategy::SinglePath || next.is_silent() {
        return 1.0;
    }
    let factor = |successors: usize, samples: usize| {
        let miss = miss_probability(successors.max(1) + 1, samples);
        // A vertex that was probed to the end and does not branch is no risk:
        // the failure probability is that of those that branch.
        let is_cut_short = miss > trace.failure_probability();
        if successors > 1 || is_cut_short { 1.0 - miss } else { 1.0 }
    };
    if next.is_unordered {
        factor(next.width(), next.answers as usize)
    } else if hop.is_full {
        let live = hop.present().filter(|&vertex| hop.is_live(vertex));
        live.map(|v| factor(pair.successors(v).count(), usize::from(pair.samples_of(v)))).product()
    } else {
        factor(next.width(), pair.samples as usize)
    }
}
