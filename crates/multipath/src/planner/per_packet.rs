//! Whether what branches balances by flow; and what to do where it does not.

use super::control::answers;
use super::{Planner, Progress, Wanted};
use crate::Purpose;
use crate::lattice::{Outcome, Pair};
use crate::repeat::{Balancing, RepeatTest, RepeatVerdict};

impl Planner<'_> {
    /// Runs the per-packet test for each vertex with two successors or more.
    pub(super) fn per_packet_tests(&mut self, ttl: usize, pair: &Pair) -> Progress {
        if self.lattice.hop(ttl + 1).is_unordered {
            return Progress::Complete;
        }
        let size = self.target(1) as u16;
        let live: Vec<u16> = self.lattice.hop(ttl).present().collect();
        let mut progress = Progress::Complete;
        for vertex in live {
            let next = self.lattice.hop(ttl + 1);
            let branches = pair.successors(vertex).filter(|&to| answers(next, to)).count() > 1;
            if branches {
                self.start_test(ttl, vertex);
            }
            let hop = self.lattice.hop_mut(ttl);
            let balancing = &mut hop.vertices[usize::from(vertex)].balancing;
            let Balancing::Testing(test) = balancing else {
                continue;
            };
            match test.verdict(size) {
                Some(RepeatVerdict::PathChanged) => return Progress::PathChanged,
                Some(RepeatVerdict::PerFlow) => *balancing = Balancing::PerFlow,
                Some(RepeatVerdict::PerPacket) => {
                    *balancing = Balancing::PerPacket;
                    self.lattice.hop_mut(ttl + 1).is_unordered = true;
                }
                None => {
                    let (flow, needed) = (test.flow, test.needed(size));
                    let (ttl, purpose) = (ttl as u8 + 1, Purpose::PerPacketTest);
                    let probe = Wanted { ttl, flow, purpose, vertex };
                    self.wanted.extend(std::iter::repeat_n(probe, usize::from(needed)));
                    progress = Progress::Open;
                }
            }
        }
        progress
    }

    fn start_test(&mut self, ttl: usize, vertex: u16) {
        let balancing = &self.lattice.hop(ttl).vertices[usize::from(vertex)].balancing;
        if !matches!(balancing, Balancing::Unknown) {
            return;
        }
        let next = self.lattice.hop(ttl + 1);
        let repeated = (0..self.lattice.fresh()).find_map(|flow| match next.outcome(flow) {
            Outcome::At(to)
                if answers(next, to) && self.lattice.place(ttl, flow) == Some(vertex) =>
            {
                Some((flow, to))
            }
            _ => None,
        });
        if let Some((flow, expected)) = repeated {
            let test = Balancing::Testing(Box::new(RepeatTest::new(flow, expected)));
            self.lattice.hop_mut(ttl).vertices[usize::from(vertex)].balancing = test;
        }
    }

    /// Behind a per-packet balancer every probe is a draw of its own, so the
    /// hop as a whole is asked until it shows nothing new.
    pub(super) fn any_flow(&mut self, ttl: usize, pair: &Pair) {
        let next = self.lattice.hop(ttl + 1);
        let (width, in_flight) = (next.width(), u32::from(next.in_flight));
        let silent = pair.samples.saturating_sub(next.answered_flows);
        let lost = pair.lost.len() as u32;
        let has = next.answers + silent + in_flight + lost;
        let need = self.target(width).saturating_sub(has);
        let idle: Vec<u16> = (0..u16::MAX)
            .filter(|&flow| self.lattice.outcome(ttl + 1, flow) == Outcome::Unprobed)
            .take(need as usize)
            .collect();
        for flow in idle {
            self.want(ttl + 1, flow);
        }
    }
}
