//! Diamonds: from a hop with one vertex, over hops with several, to the next
//! hop with one.

use crate::lattice::{Lattice, Pair, PairShape};

/// A diamond.
#[derive(Debug, Clone, PartialEq)]
pub struct Diamond {
    /// Time to live of the hop where the paths part; 0 is the source.
    pub divergence_ttl: u8,
    /// Time to live of the hop where they are together again; none if the trace
    /// ended before.
    pub convergence_ttl: Option<u8>,
    /// Vertices of its widest hop.
    pub width: u16,
    /// Links from divergence to convergence, or to the last hop known.
    pub length: u8,
    /// Some vertex has more neighbours than its hop's width needs.
    pub is_meshed: bool,
    /// The largest difference of numbers of successors, or predecessors, of the
    /// vertices of a hop.  Above 0 the probabilities are not uniform.
    pub width_asymmetry: u16,
    /// It was explored vertex by vertex: by MDA, or because MDA-Lite found it
    /// meshed or asymmetric.
    pub has_node_control: bool,
    /// Packets of one flow take several ways through it.
    pub is_per_packet: bool,
    /// Probability that nothing of it is missing, if its balancers are uniform.
    pub confidence: f64,
}

/// The diamonds of hops between which `pairs` are known, from the source on.
pub(super) fn find(lattice: &Lattice, pairs: &[Pair], confidences: &[f64]) -> Vec<Diamond> {
    let mut diamonds = Vec::new();
    let mut divergence = 0;
    for ttl in 1..=pairs.len() {
        let is_wide = lattice.hop(ttl).width() > 1;
        if !is_wide && ttl > divergence + 1 {
            diamonds.push(between(lattice, pairs, confidences, divergence, Some(ttl)));
        }
        if !is_wide {
            divergence = ttl;
        }
    }
    if divergence < pairs.len() {
        diamonds.push(between(lattice, pairs, confidences, divergence, None));
    }
    diamonds
}

fn between(
    lattice: &Lattice,
    pairs: &[Pair],
    confidences: &[f64],
    divergence: usize,
    convergence: Option<usize>,
) -> Diamond {
    let end = convergence.unwrap_or(pairs.len());
    let inside = divergence..end;
    let shape = |ttl: usize| PairShape::of(lattice, ttl, &pairs[ttl]);
    let width = inside.clone().map(|ttl| lattice.hop(ttl + 1).width()).max();
    Diamond {
        divergence_ttl: divergence as u8,
        convergence_ttl: convergence.map(|ttl| ttl as u8),
        width: width.unwrap_or(1) as u16,
        length: (end - divergence) as u8,
        is_meshed: inside.clone().any(|ttl| shape(ttl).is_meshed),
        width_asymmetry: inside.clone().map(|ttl| shape(ttl).width_asymmetry).max().unwrap_or(0),
        has_node_control: inside.clone().all(|ttl| lattice.hop(ttl).is_full),
        is_per_packet: inside.clone().any(|ttl| lattice.hop(ttl + 1).is_unordered),
        confidence: confidences[inside].iter().product(),
    }
}
