//! A hop and the next one: which flows lead from which vertex to which.

use super::{Lattice, Outcome};

/// Counts of flows, by vertex of the first hop and, for edges, of the second.
#[derive(Debug)]
pub(crate) struct Pair {
    next_width: usize,
    edges: Vec<u16>,
    counts: Vec<Counts>,
    /// Flows whose place at the second hop is known.
    pub(crate) samples: u32,
    /// Flows whose place at the second hop is being asked for.
    pub(crate) busy: u32,
    /// Flows that were lost at the second hop and not yet given up.
    pub(crate) lost: Vec<u16>,
    /// Flows that are asked for again at the second hop.
    pub(crate) asked_again: usize,
    /// Vertices of the second hop that are silent because of lost probes only.
    noise: Vec<bool>,
    /// By vertex of the second hop: some flow was seen there and at the first.
    is_witnessed: Vec<bool>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    busy: u16,
    idle: u16,
}

impl Pair {
    /// What is known between the hop `ttl` and the next one.
    pub(crate) fn of(lattice: &Lattice, ttl: usize) -> Self {
        let width = lattice.hop(ttl).vertices.len();
        let next = lattice.hop(ttl + 1);
        let next_width = next.vertices.len();
        let mut pair = Self {
            next_width,
            edges: vec![0; width * next_width],
            counts: vec![Counts::default(); width],
            samples: 0,
            busy: 0,
            lost: Vec::new(),
            asked_again: 0,
            noise: next.vertices.iter().map(|vertex| !vertex.counts()).collect(),
            is_witnessed: vec![ttl == 0; next_width],
        };
        for flow in 0..lattice.fresh() {
            let outcome = next.outcome(flow);
            if lattice.is_ended(ttl, flow) {
                continue;
            }
            let place = lattice.place(ttl, flow).map(usize::from);
            match outcome {
                Outcome::At(vertex) => {
                    pair.samples += u32::from(!pair.noise[usize::from(vertex)]);
                    if let Some(place) = place {
                        pair.edges[place * next_width + usize::from(vertex)] += 1;
                        pair.is_witnessed[usize::from(vertex)] |= lattice.is_seen(ttl, flow);
                    }
                }
                Outcome::Pending(_) | Outcome::Lost(_) => {
                    pair.busy += 1;
                    if let Some(place) = place {
                        pair.counts[place].busy += 1;
                    }
                    match outcome {
                        Outcome::Lost(_) => pair.lost.push(flow),
                        Outcome::Pending(lost) => pair.asked_again += usize::from(lost > 0),
                        Outcome::Unprobed | Outcome::At(_) => {}
                    }
                }
                Outcome::Unprobed => {
                    if let Some(place) = place {
                        pair.counts[place].idle += 1;
                    }
                }
            }
        }
        pair
    }

    /// Flows from one vertex to another.
    pub(crate) fn flows(&self, from: u16, to: u16) -> u16 {
        self.edges[usize::from(from) * self.next_width + usize::from(to)]
    }

    fn from(&self, from: u16) -> impl Iterator<Item = (u16, u16)> + '_ {
        let start = usize::from(from) * self.next_width;
        let row = &self.edges[start..start + self.next_width];
        let is_noise = &self.noise;
        (0..)
            .zip(row.iter().copied())
            .filter(|&(to, flows): &(u16, u16)| flows > 0 && !is_noise[usize::from(to)])
    }

    /// Flows through the vertex whose place at the next hop is known.
    pub(crate) fn samples_of(&self, from: u16) -> u16 {
        self.from(from).map(|(_, flows)| flows).sum()
    }

    /// Flows through the vertex whose place at the next hop is being asked for.
    pub(crate) fn busy_of(&self, from: u16) -> u16 {
        self.counts[usize::from(from)].busy
    }

    /// Flows through the vertex that were not probed at the next hop.
    pub(crate) fn idle_of(&self, from: u16) -> u16 {
        self.counts[usize::from(from)].idle
    }

    /// Vertices of the next hop that follow the vertex.
    pub(crate) fn successors(&self, from: u16) -> impl Iterator<Item = u16> + '_ {
        self.from(from).map(|(to, _)| to)
    }

    /// Whether some flow was seen at the vertex of the next hop and at this hop.
    pub(crate) fn is_witnessed(&self, to: u16) -> bool {
        self.is_witnessed[usize::from(to)]
    }

    /// Vertices of the hop that precede the vertex of the next one.
    pub(crate) fn predecessors(&self, to: u16) -> impl Iterator<Item = u16> + '_ {
        let is_before = move |&from: &u16| !self.noise[usize::from(to)] && self.flows(from, to) > 0;
        (0..self.counts.len() as u16).filter(is_before)
    }

    /// Flows through the vertex of the next hop whose place at the hop is known.
    pub(crate) fn samples_into(&self, to: u16) -> u16 {
        (0..self.counts.len() as u16).map(|from| self.flows(from, to)).sum()
    }

    /// For each silent vertex of the next hop, whether it is likelier a router
    /// than lost probes: nothing else follows its predecessor, or it has its
    /// share of flows within a factor of four.
    pub(crate) fn plausible_silences(&self, lattice: &Lattice, ttl: usize) -> Vec<(u16, bool)> {
        let next = lattice.hop(ttl + 1);
        let answers = |to: u16| next.vertices[usize::from(to)].address.is_some();
        let silent = next.vertices.iter().zip(0..).filter(|(vertex, _)| vertex.address.is_none());
        let judge = |after: Option<u16>, to: u16| {
            let Some(from) = after else {
                return next.is_silent();
            };
            let answering = (0..self.next_width as u16).filter(|&to| answers(to));
            let shares = answering.map(|to| self.flows(from, to)).filter(|&flows| flows > 0);
            let (ways, answered) =
                shares.fold((0, 0), |(n, sum), flows| (n + 1, sum + u32::from(flows)));
            let unanswered = u32::from(self.flows(from, to));
            answered == 0 || (unanswered >= 2 && 4 * unanswered * ways >= answered)
        };
        silent.map(|(vertex, to)| (to, judge(vertex.after, to))).collect()
    }
}
