//! Whether two hops are meshed or asymmetric, which MDA-Lite cannot do.

use super::{Lattice, Pair};

/// The shape of what is between two hops that both have several vertices
/// (Vermeulen et al. 2018, section 2.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PairShape {
    /// A vertex of the wider hop has more than one neighbour on the other, or
    /// one of either hop where both are equally wide.
    pub(crate) is_meshed: bool,
    /// The largest difference of the numbers of successors of the one hop's
    /// vertices, or of predecessors of the other's.
    pub(crate) width_asymmetry: u16,
}

impl PairShape {
    pub(crate) fn of(lattice: &Lattice, ttl: usize, pair: &Pair) -> Self {
        let (hop, next) = (lattice.hop(ttl), lattice.hop(ttl + 1));
        let (width, next_width) = (hop.width(), next.width());
        if width < 2 || next_width < 2 || next.is_unordered {
            return Self::default();
        }
        let going_on = hop.present().filter(|&vertex| hop.is_live(vertex));
        let successors = going_on.map(|vertex| pair.successors(vertex).count());
        let predecessors = next.present().map(|vertex| pair.predecessors(vertex).count());
        let (successors, predecessors) = (Degrees::of(successors), Degrees::of(predecessors));
        Self {
            is_meshed: (width >= next_width && successors.most > 1)
                || (width <= next_width && predecessors.most > 1),
            width_asymmetry: successors.spread().max(predecessors.spread()),
        }
    }
}

struct Degrees {
    fewest: usize,
    most: usize,
}

impl Degrees {
    /// Of vertices of which at least one neighbour is known.
    fn of(degrees: impl Iterator<Item = usize>) -> Self {
        let known = degrees.filter(|&degree| degree > 0);
        known.fold(Self { fewest: usize::MAX, most: 0 }, |bounds, degree| Self {
            fewest: bounds.fewest.min(degree),
            most: bounds.most.max(degree),
        })
    }

    fn spread(&self) -> u16 {
        self.most.saturating_sub(self.fewest) as u16
    }
}
