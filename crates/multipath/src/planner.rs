//! What to probe next, as a function of what is known.
//!
//! A sweep goes outwards, hop by hop, and lists what each pair of hops still
//! needs.  It stops at the first pair that is not complete; only behind a hop
//! with a single vertex so far it goes on, with flows that are known to cross
//! it, so that the usual long chains of single routers are walked in one round
//! trip per hop.  What is listed is never more than what the stopping rule asks
//! for at least, so a list stays right whatever the answers are.

mod control;
mod lite;
mod mda;
mod per_packet;

use std::collections::VecDeque;

use crate::lattice::{Lattice, Outcome, Pair, Vertex};
use crate::settings::{Settings, Strategy};
use crate::{Purpose, StoppingPoints};

/// Flows that are asked again at a hop that never answered.
const ASKED_AGAIN: usize = 3;

/// A probe that is to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) ttl: u8,
    pub(crate) flow: u16,
    pub(crate) purpose: Purpose,
    /// Of a per-packet test: the vertex of the hop before that is tested.  Of a
    /// path check: the vertex that is asked for.
    pub(crate) vertex: u16,
}

/// What a sweep found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// Something is wanted or on its way.
    Open,
    /// Every branch has ended.
    Finished,
    /// A branch goes on beyond the largest time to live.
    HopLimit,
    /// The path is another one than it was.
    PathChanged,
}

/// The state of one pair of hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    Complete,
    PathChanged,
}

/// One sweep.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) points: &'a mut StoppingPoints,
    pub(crate) lattice: &'a mut Lattice,
    pub(crate) wanted: &'a mut VecDeque<Wanted>,
}

impl Planner<'_> {
    pub(crate) fn sweep(&mut self) -> Sweep {
        self.wanted.clear();
        let mut ttl = self.lattice.complete();
        let mut is_ahead = false;
        loop {
            let hop = self.lattice.hop(ttl);
            let has_live = hop.present().any(|vertex| hop.is_live(vertex));
            let is_last = ttl >= usize::from(self.settings.max_ttl);
            if !has_live || is_last {
                return match (is_ahead, has_live) {
                    (true, _) => Sweep::Open,
                    (false, false) => Sweep::Finished,
                    (false, true) => Sweep::HopLimit,
                };
            }
            self.lattice.reach(ttl + 1);
            let progress = self.onward(ttl, is_ahead);
            if progress == Progress::PathChanged {
                return Sweep::PathChanged;
            }
            if progress == Progress::Complete && !is_ahead {
                self.lattice.close(ttl + 1);
            } else if !is_ahead && self.lattice.complete() < ttl {
                // A diamond was handed over to MDA, which begins at its divergence.
                ttl = self.lattice.complete();
                continue;
            } else if self.lattice.hop(ttl + 1).is_chain() {
                is_ahead = true;
            } else {
                return Sweep::Open;
            }
            ttl += 1;
        }
    }

    /// Lists what is wanted between a hop and the next one.
    fn onward(&mut self, ttl: usize, is_ahead: bool) -> Progress {
        let pair = self.settle(ttl);
        self.inherit(ttl);
        let listed = self.wanted.len();
        self.ask_again(ttl + 1, &pair);
        if self.settings.strategy != Strategy::SinglePath && !is_ahead {
            match self.per_packet_tests(ttl, &pair) {
                Progress::Complete => {}
                // A balancer that has no flows makes all else void.
                other => return other,
            }
        }
        if self.lattice.hop(ttl + 1).is_unordered {
            self.any_flow(ttl, &pair);
        } else if self.lattice.hop(ttl).is_full {
            self.vertex_by_vertex(ttl, &pair, is_ahead);
        } else {
            self.hop_by_hop(ttl, &pair, is_ahead);
        }
        let in_flight = self.lattice.hop(ttl).in_flight + self.lattice.hop(ttl + 1).in_flight;
        // A diamond that was just handed over reopens hops before this one.
        let is_complete = self.lattice.complete() == ttl;
        if self.wanted.len() == listed && in_flight == 0 && is_complete {
            Progress::Complete
        } else {
            Progress::Open
        }
    }

    /// Gives up flows that were lost too often at the next hop, and judges what
    /// silence there means.
    fn settle(&mut self, ttl: usize) -> Pair {
        let mut pair = Pair::of(self.lattice, ttl);
        let next = self.lattice.hop(ttl + 1);
        let silent = next.vertices.iter().filter(|vertex| vertex.address.is_none());
        let given_up = silent.map(|vertex| usize::from(vertex.flows)).sum::<usize>();
        let is_silent = next.is_silent() && given_up >= ASKED_AGAIN;
        let attempts = if is_silent { 1 } else { self.settings.attempts };
        let mut has_changed = false;
        for &flow in &pair.lost {
            if let Outcome::Lost(lost) = self.lattice.outcome(ttl + 1, flow)
                && lost >= attempts
            {
                self.give_up(ttl, flow);
                has_changed = true;
            }
        }
        if has_changed {
            pair = Pair::of(self.lattice, ttl);
        }
        let mut is_judged_anew = false;
        for (vertex, is_plausible) in pair.plausible_silences(self.lattice, ttl) {
            let vertex = &mut self.lattice.hop_mut(ttl + 1).vertices[usize::from(vertex)];
            is_judged_anew |= vertex.is_plausible != is_plausible;
            vertex.is_plausible = is_plausible;
        }
        if is_judged_anew {
            pair = Pair::of(self.lattice, ttl);
        }
        pair
    }

    /// The flow crosses something silent at the next hop.
    fn give_up(&mut self, ttl: usize, flow: u16) {
        let is_unordered = self.lattice.hop(ttl + 1).is_unordered;
        let before = if is_unordered { None } else { self.lattice.place(ttl, flow) };
        let silent_hops = match before {
            Some(vertex) => self.lattice.hop(ttl).vertices[usize::from(vertex)].silent_hops,
            None => self.lattice.hop(ttl).vertices.iter().map(|v| v.silent_hops).max().unwrap_or(0),
        };
        let gap_limit = self.settings.gap_limit;
        let next = self.lattice.hop_mut(ttl + 1);
        let is_it = |vertex: &Vertex| vertex.address.is_none() && vertex.after == before;
        let known = next.vertices.iter().position(is_it);
        let index = known.unwrap_or_else(|| {
            next.vertices.push(Vertex::silent(before, silent_hops + 1, gap_limit));
            next.vertices.len() - 1
        });
        next.set(flow, Outcome::At(index as u16));
    }

    /// Lost flows, again: all of them where something answers, a few where not.
    fn ask_again(&mut self, ttl: usize, pair: &Pair) {
        let is_silent = self.lattice.hop(ttl).is_silent();
        let given_up: usize =
            self.lattice.hop(ttl).vertices.iter().map(|vertex| usize::from(vertex.flows)).sum();
        let most = if is_silent {
            ASKED_AGAIN.saturating_sub(pair.asked_again + given_up)
        } else {
            usize::MAX
        };
        for &flow in pair.lost.iter().take(most) {
            self.want(ttl, flow);
        }
    }

    /// A diamond is explored in one way until its end, and has no flows behind
    /// a per-packet balancer until its end.
    fn inherit(&mut self, ttl: usize) {
        let is_full = match self.settings.strategy {
            Strategy::SinglePath => false,
            Strategy::Mda => true,
            Strategy::MdaLite => {
                ttl > 0 && self.lattice.hop(ttl - 1).is_full && self.lattice.hop(ttl).width() > 1
            }
        };
        if is_full {
            self.lattice.hop_mut(ttl).is_full = true;
        }
        if self.lattice.hop(ttl).is_unordered && self.lattice.hop(ttl).width() > 1 {
            self.lattice.hop_mut(ttl + 1).is_unordered = true;
        }
    }

    fn want(&mut self, ttl: usize, flow: u16) {
        let purpose = Purpose::Discovery;
        self.wanted.push_back(Wanted { ttl: ttl as u8, flow, purpose, vertex: 0 });
    }

    /// How many flows have to be seen beyond `successors` known ones.
    fn target(&mut self, successors: usize) -> u32 {
        match self.settings.strategy {
            Strategy::SinglePath => 1,
            _ => self.points.probes(successors.max(1) + 1),
        }
    }
}
