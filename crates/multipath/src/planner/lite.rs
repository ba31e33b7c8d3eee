//! MDA-Lite: a hop is left when enough flows were seen there, through whatever
//! vertex they came.  That needs diamonds that are neither meshed nor
//! asymmetric in width; where one is, MDA takes it over.  The single path is
//! the same with one flow.

use super::Planner;
use super::control::answers;
use crate::lattice::{Hop, Outcome, Pair, PairShape};
use crate::settings::Strategy;

impl Planner<'_> {
    /// What a hop as a whole still needs.
    pub(super) fn hop_by_hop(&mut self, ttl: usize, pair: &Pair, is_ahead: bool) {
        let listed = self.wanted.len();
        self.complete_forward(ttl, pair);
        self.fill(ttl, pair, self.wanted.len() - listed, is_ahead);
        let is_busy = self.wanted.len() > listed || self.lattice.hop(ttl + 1).in_flight > 0;
        if is_busy || is_ahead || self.settings.strategy == Strategy::SinglePath {
            return;
        }
        self.complete_backward(ttl, pair);
        if self.wanted.len() > listed || self.lattice.hop(ttl).in_flight > 0 {
            return;
        }
        let (width, next_width) =
            (self.lattice.hop(ttl).width(), self.lattice.hop(ttl + 1).width());
        if width > 1 && next_width > 1 && !self.lattice.hop(ttl + 1).is_silent() {
            self.meshing_test(ttl, pair, width >= next_width);
            if self.wanted.len() == listed && needs_mda(self, ttl, pair) {
                self.hand_over(ttl);
            }
        }
    }

    /// One flow of each vertex, onward.
    fn complete_forward(&mut self, ttl: usize, pair: &Pair) {
        let hop = self.lattice.hop(ttl);
        let mut forward = vec![0; hop.vertices.len()];
        for vertex in hop.present().filter(|&vertex| hop.is_live(vertex)) {
            let is_known = pair.samples_of(vertex) + pair.busy_of(vertex) > 0;
            forward[usize::from(vertex)] = u16::from(!is_known && pair.idle_of(vertex) > 0);
        }
        if self.lattice.hop(ttl).width() > 1 {
            self.forward(ttl, &mut forward);
        }
    }

    /// Flows at the next hop up to its stopping point: those known at this hop
    /// first, then new ones.
    fn fill(&mut self, ttl: usize, pair: &Pair, listed: usize, is_ahead: bool) {
        let next = self.lattice.hop(ttl + 1);
        let known = if next.is_silent() { 1 } else { ways(next) };
        let target = self.target(known) as usize;
        let need = target.saturating_sub(pair.samples as usize + pair.busy as usize + listed);
        let lattice = &*self.lattice;
        let hop = lattice.hop(ttl);
        let already: Vec<u16> =
            self.wanted.iter().rev().take(listed).map(|wanted| wanted.flow).collect();
        let is_live_here = |flow: u16| {
            let place = lattice.place(ttl, flow);
            place.is_some_and(|vertex| hop.is_live(vertex))
        };
        let idle = (0..lattice.fresh()).filter(|&flow| {
            lattice.outcome(ttl + 1, flow) == Outcome::Unprobed
                && !lattice.is_ended(ttl, flow)
                && is_live_here(flow)
                && !already.contains(&flow)
        });
        let mut flows: Vec<u16> = idle.take(need).collect();
        let missing = need - flows.len();
        if !is_ahead && missing > 0 {
            let ends_some = hop.present().any(|vertex| !hop.is_live(vertex));
            if ends_some {
                // A new flow may end here already: it has to be found going on.
                let mut wanting = vec![0; hop.vertices.len()];
                let live: Vec<u16> = hop.present().filter(|&v| hop.is_live(v)).collect();
                for index in 0..missing {
                    wanting[usize::from(live[index % live.len()])] += 1;
                }
                self.node_control(ttl, &wanting);
            } else {
                let fresh = lattice.fresh();
                flows.extend(fresh..fresh.saturating_add(missing as u16));
            }
        }
        for flow in flows {
            self.want(ttl + 1, flow);
        }
    }

    /// Makes sure that enough flows are known on both hops, for each vertex of
    /// the wider one, that a second neighbour would show.
    fn meshing_test(&mut self, ttl: usize, pair: &Pair, is_forward: bool) {
        let flows = self.settings.meshing_flows;
        if is_forward {
            let hop = self.lattice.hop(ttl);
            let mut forward = vec![0; hop.vertices.len()];
            let mut missing = vec![0; hop.vertices.len()];
            for vertex in hop.present().filter(|&vertex| hop.is_live(vertex)) {
                let index = usize::from(vertex);
                let need = flows.saturating_sub(pair.samples_of(vertex) + pair.busy_of(vertex));
                forward[index] = need.min(pair.idle_of(vertex));
                missing[index] = need - forward[index];
            }
            self.forward(ttl, &mut forward);
            self.node_control(ttl, &missing);
            return;
        }
        let next = self.lattice.hop(ttl + 1);
        let mut missing = vec![0; next.vertices.len()];
        let wider: Vec<u16> = next.present().filter(|&vertex| answers(next, vertex)).collect();
        for vertex in wider {
            let need = flows.saturating_sub(pair.samples_into(vertex));
            let back: Vec<u16> = self.unplaced(ttl, vertex).take(usize::from(need)).collect();
            missing[usize::from(vertex)] = need - back.len() as u16;
            for flow in back {
                self.want(ttl, flow);
            }
        }
        self.node_control(ttl + 1, &missing);
    }

    /// MDA takes over the diamond that this pair of hops is in.
    fn hand_over(&mut self, ttl: usize) {
        let mut divergence = ttl;
        while divergence > 0 && self.lattice.hop(divergence).width() > 1 {
            divergence -= 1;
        }
        for hop in divergence..=ttl {
            self.lattice.hop_mut(hop).is_full = true;
        }
        self.lattice.reopen(divergence + 1);
    }
}

/// Answering vertices of a hop; all that is silent there counts as one.
fn ways(hop: &Hop) -> usize {
    let answering = hop.present().filter(|&vertex| answers(hop, vertex)).count();
    answering + usize::from(hop.width() > answering)
}

/// Whether the pair is meshed or asymmetric.
fn needs_mda(planner: &Planner<'_>, ttl: usize, pair: &Pair) -> bool {
    let shape = PairShape::of(planner.lattice, ttl, pair);
    shape.is_meshed || shape.width_asymmetry > 0
}
