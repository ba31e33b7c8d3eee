//! MDA: each vertex is left only when enough flows that are known to cross it
//! have shown where they go.

use super::Planner;
use crate::lattice::{Outcome, Pair};
use crate::repeat::Balancing;

impl Planner<'_> {
    /// What each vertex of a hop still needs.
    pub(super) fn vertex_by_vertex(&mut self, ttl: usize, pair: &Pair, is_ahead: bool) {
        let (mut forward, mut missing) = self.needs(ttl, pair);
        self.forward(ttl, &mut forward);
        if is_ahead {
            return;
        }
        self.more_flows(ttl, &mut missing);
        if self.lattice.hop(ttl + 1).in_flight == 0 {
            self.complete_backward(ttl, pair);
        }
    }

    /// By vertex: flows to send on to the next hop, and flows to find first.
    fn needs(&mut self, ttl: usize, pair: &Pair) -> (Vec<u16>, Vec<u16>) {
        let hop = self.lattice.hop(ttl);
        let live: Vec<u16> = hop.present().filter(|&vertex| hop.is_live(vertex)).collect();
        let mut forward = vec![0; hop.vertices.len()];
        let mut missing = vec![0; hop.vertices.len()];
        // A hop that answers nobody is asked as often as one vertex would be.
        let is_silent = self.lattice.hop(ttl + 1).is_silent();
        let share = self.target(1).div_ceil(live.len().max(1) as u32);
        for vertex in live {
            let balancing = &self.lattice.hop(ttl).vertices[usize::from(vertex)].balancing;
            if matches!(balancing, Balancing::Testing(_)) {
                continue;
            }
            let target =
                if is_silent { share } else { self.target(pair.successors(vertex).count()) };
            let has = u32::from(pair.samples_of(vertex)) + u32::from(pair.busy_of(vertex));
            let need = u16::try_from(target.saturating_sub(has)).unwrap_or(u16::MAX);
            forward[usize::from(vertex)] = need.min(pair.idle_of(vertex));
            missing[usize::from(vertex)] = need - forward[usize::from(vertex)];
        }
        (forward, missing)
    }

    /// Sends known flows on to the next hop, so many for each vertex.
    pub(super) fn forward(&mut self, ttl: usize, forward: &mut [u16]) {
        if forward.iter().all(|&flows| flows == 0) {
            return;
        }
        for flow in 0..self.lattice.fresh() {
            if self.lattice.outcome(ttl + 1, flow) == Outcome::Unprobed
                && !self.lattice.is_ended(ttl, flow)
                && let Some(vertex) = self.lattice.place(ttl, flow)
                && forward[usize::from(vertex)] > 0
            {
                forward[usize::from(vertex)] -= 1;
                self.want(ttl + 1, flow);
            }
        }
    }

    /// Flows through vertices that have too few: new ones where every flow
    /// crosses the vertex, by node control elsewhere.
    pub(super) fn more_flows(&mut self, ttl: usize, missing: &mut [u16]) {
        let fresh = self.lattice.fresh();
        if let Some(vertex) = self.lattice.place(ttl, fresh) {
            let count = std::mem::take(&mut missing[usize::from(vertex)]);
            for flow in fresh..fresh.saturating_add(count) {
                self.want(ttl + 1, flow);
            }
        }
        self.node_control(ttl, missing);
    }
}
