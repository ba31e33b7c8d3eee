//! One interface that answers at a hop, or the silence behind another.

use crate::MplsLabel;
use crate::repeat::Balancing;

/// Why no probe gets beyond a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It is the destination.
    Destination,
    /// It answered with this code of Destination Unreachable.
    Unreachable(u8),
    /// The flow was there two or more hops before.
    Loop,
    /// As many silent hops in a row as the gap limit allows.
    Silence,
}

/// A vertex of the lattice.
#[derive(Debug, Clone)]
pub(crate) struct Vertex {
    /// Number of its address in the trace; none for a silent one.
    pub(crate) address: Option<u16>,
    /// Of a silent one, the vertex before it: silence on two branches is not
    /// known to be one router.
    pub(crate) after: Option<u16>,
    /// Silent hops in a row up to this one.
    pub(crate) silent_hops: u8,
    /// Flows that are known to cross it.
    pub(crate) flows: u16,
    /// Answers, to probes of any purpose.
    pub(crate) answers: u32,
    /// Of a silent one: whether it is likelier a router than lost probes.
    pub(crate) is_plausible: bool,
    pub(crate) end: Option<End>,
    pub(crate) balancing: Balancing,
    pub(crate) labels: Vec<MplsLabel>,
    /// How many flows the hop had answered when one of them was last found here.
    pub(crate) last_found: u32,
    /// Flows without finding it after which it is asked whether it is still there.
    pub(crate) patience: u32,
}

/// First patience: at a share of one half, 2^-32 of all vertices exceed it.
const PATIENCE: u32 = 32;

impl Vertex {
    pub(crate) fn answering(address: u16) -> Self {
        Self {
            address: Some(address),
            after: None,
            silent_hops: 0,
            flows: 0,
            answers: 0,
            is_plausible: true,
            end: None,
            balancing: Balancing::Unknown,
            labels: Vec::new(),
            last_found: 0,
            patience: PATIENCE,
        }
    }

    pub(crate) fn silent(after: Option<u16>, silent_hops: u8, gap_limit: u8) -> Self {
        let end = (silent_hops >= gap_limit).then_some(End::Silence);
        let nobody = Self::answering(0);
        Self { address: None, after, silent_hops, end, is_plausible: false, ..nobody }
    }

    /// Whether it is believed to be there, as far as that depends on itself.
    pub(crate) fn counts(&self) -> bool {
        self.address.is_some() || self.is_plausible
    }
}
