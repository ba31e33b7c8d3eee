//! Node control: finding flows that cross given vertices; and finding where
//! flows came from that were first seen further out.

use super::{Planner, Wanted};
use crate::Purpose;
use crate::lattice::{Hop, Outcome, Pair};

impl Planner<'_> {
    /// Probes more flows at the hop, to find so many through each vertex.
    pub(super) fn node_control(&mut self, ttl: usize, missing: &[u16]) {
        let (ttl, missing) = self.answering_hop(ttl, missing.to_vec());
        let total: usize = missing.iter().copied().map(usize::from).sum();
        if total == 0 || ttl == 0 {
            return;
        }
        // A flow finds one vertex in `width`; a quarter of what is expected to
        // be needed saves round trips and seldom sends too much.
        let hop = self.lattice.hop(ttl);
        let batch = total.max(total * hop.width() / 4);
        let batch = batch.saturating_sub(usize::from(hop.in_flight));
        self.check_lost_vertices(ttl, &missing);
        for flow in self.likely_flows(ttl, &missing, batch) {
            self.want(ttl, flow);
        }
    }

    /// Flows cannot be found at a silent hop, but where they crossed the last
    /// hop that answers.
    fn answering_hop(&self, mut ttl: usize, mut missing: Vec<u16>) -> (usize, Vec<u16>) {
        while ttl > 0 && self.lattice.hop(ttl).is_silent() {
            let mut before = vec![0; self.lattice.hop(ttl - 1).vertices.len()];
            for (vertex, count) in self.lattice.hop(ttl).vertices.iter().zip(&missing) {
                if let Some(index) = vertex.after {
                    before[usize::from(index)] += count;
                }
            }
            (ttl, missing) = (ttl - 1, before);
        }
        (ttl, missing)
    }

    /// Flows not probed at the hop: first those that are known to cross a
    /// predecessor of a vertex that misses some, then those of which nothing is
    /// known that speaks against them.
    fn likely_flows(&self, ttl: usize, missing: &[u16], count: usize) -> Vec<u16> {
        let lattice = &*self.lattice;
        let pair = Pair::of(lattice, ttl - 1);
        let mut is_before = vec![false; lattice.hop(ttl - 1).vertices.len()];
        for (vertex, _) in (0..).zip(missing).filter(|&(_, &count)| count > 0) {
            pair.predecessors(vertex).for_each(|before| is_before[usize::from(before)] = true);
        }
        let is_idle = |flow: &u16| {
            lattice.outcome(ttl, *flow) == Outcome::Unprobed && !lattice.is_ended(ttl, *flow)
        };
        let place = |flow: u16| lattice.place(ttl - 1, flow);
        let known = (0..lattice.fresh()).filter(is_idle);
        let from_before = known
            .clone()
            .filter(|&flow| place(flow).is_some_and(|vertex| is_before[usize::from(vertex)]));
        let unknown = known.filter(|&flow| place(flow).is_none());
        from_before.chain(unknown).chain(lattice.fresh()..u16::MAX).take(count).collect()
    }

    /// Asks for a vertex that many flows in a row did not find, by a flow that
    /// did: if it is no longer there, the path has changed.
    fn check_lost_vertices(&mut self, ttl: usize, missing: &[u16]) {
        let fresh = self.lattice.fresh();
        for (index, _) in (0..).zip(missing).filter(|&(_, &count)| count > 0) {
            let hop = self.lattice.hop_mut(ttl);
            let answered = hop.answered_flows;
            let vertex = &mut hop.vertices[usize::from(index)];
            if answered - vertex.last_found < vertex.patience {
                continue;
            }
            vertex.patience = vertex.patience.saturating_mul(2);
            if let Some(flow) = (0..fresh).find(|&flow| hop.outcome(flow) == Outcome::At(index)) {
                let purpose = Purpose::PathCheck;
                self.wanted.push_back(Wanted { ttl: ttl as u8, flow, purpose, vertex: index });
            }
        }
    }

    /// For each vertex of the next hop of which no flow was seen at this hop, one
    /// is probed here.  Where this hop has shown one vertex only, that is taken
    /// for its predecessor until then; so one that was missed shows itself by
    /// what follows it, and no edge rests on an assumption.
    pub(super) fn complete_backward(&mut self, ttl: usize, pair: &Pair) {
        let next = self.lattice.hop(ttl + 1);
        if self.lattice.hop(ttl).is_silent() || next.width() < 2 {
            return;
        }
        let is_without = |&to: &u16| answers(next, to) && !pair.is_witnessed(to);
        let without = next.present().filter(is_without);
        let flows: Vec<u16> = without.filter_map(|to| self.unplaced(ttl, to).next()).collect();
        for flow in flows {
            self.want(ttl, flow);
        }
    }

    /// Flows at a vertex of the next hop that were never probed at the hop.
    pub(super) fn unplaced(&self, ttl: usize, vertex: u16) -> impl Iterator<Item = u16> + '_ {
        let lattice = &*self.lattice;
        (0..lattice.fresh()).filter(move |&flow| {
            lattice.outcome(ttl + 1, flow) == Outcome::At(vertex)
                && lattice.outcome(ttl, flow) == Outcome::Unprobed
        })
    }
}

pub(super) fn answers(hop: &Hop, vertex: u16) -> bool {
    hop.vertices[usize::from(vertex)].address.is_some()
}
