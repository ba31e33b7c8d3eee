//! All that is known of one time to live.

use super::Vertex;
use crate::pace::Pace;

/// Where a flow is at a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Outcome {
    #[default]
    Unprobed,
    /// A probe is on its way, after so many that were lost.
    Pending(u8),
    /// So many probes were lost.
    Lost(u8),
    /// At this vertex of the hop.
    At(u16),
}

/// What follows for a flow that was not probed at a hop that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Shape {
    /// Nothing.
    #[default]
    Branched,
    /// It crosses this vertex.
    Single(u16),
    /// It crosses the silence behind its vertex of the hop before.
    Silent,
}

/// A hop.
#[derive(Debug, Default)]
pub(crate) struct Hop {
    outcomes: Vec<Outcome>,
    pub(crate) vertices: Vec<Vertex>,
    shape: Shape,
    /// Probes of any purpose that are on their way.
    pub(crate) in_flight: u16,
    /// Answers, to probes of any purpose.
    pub(crate) answers: u32,
    /// Flows that got an answer.
    pub(crate) answered_flows: u32,
    pub(crate) pace: Pace,
    /// How often the path changed here: what was sent before does not count.
    pub(crate) epoch: u8,
    /// A flow does not arrive at one vertex: there is a per-packet balancer
    /// before, and no hop with a single vertex since.
    pub(crate) is_unordered: bool,
    /// The next hop is explored vertex by vertex.
    pub(crate) is_full: bool,
}

impl Hop {
    pub(crate) fn source() -> Self {
        let source = Vertex { flows: 1, ..Vertex::answering(0) };
        Self { vertices: vec![source], shape: Shape::Single(0), ..Self::default() }
    }

    pub(crate) fn outcome(&self, flow: u16) -> Outcome {
        self.outcomes.get(usize::from(flow)).copied().unwrap_or_default()
    }

    pub(crate) fn set(&mut self, flow: u16, outcome: Outcome) {
        let index = usize::from(flow);
        if self.outcomes.len() <= index {
            self.outcomes.resize(index + 1, Outcome::Unprobed);
        }
        if let Outcome::At(vertex) = self.outcomes[index] {
            self.vertices[usize::from(vertex)].flows -= 1;
        }
        if let Outcome::At(vertex) = outcome {
            self.vertices[usize::from(vertex)].flows += 1;
        }
        self.outcomes[index] = outcome;
    }

    pub(crate) fn forget(&mut self, flow: u16) {
        if let Outcome::At(_) = self.outcome(flow) {
            self.set(flow, Outcome::Unprobed);
        }
    }

    /// Losses so far were the rate's: the attempts start again.
    pub(crate) fn excuse_losses(&mut self) {
        for outcome in &mut self.outcomes {
            match outcome {
                Outcome::Lost(attempts) | Outcome::Pending(attempts) => *attempts = 0,
                Outcome::Unprobed | Outcome::At(_) => {}
            }
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn learn_shape(&mut self) {
        let first_two = {
            let mut present = self.present();
            (present.next(), present.next())
        };
        self.shape = match first_two {
            (Some(vertex), None) => Shape::Single(vertex),
            (Some(_), _) if self.is_silent() => Shape::Silent,
            _ => Shape::Branched,
        };
    }

    /// No probe was ever answered here.
    pub(crate) fn is_silent(&self) -> bool {
        self.answers == 0
    }

    /// Vertices that are believed to be there.
    pub(crate) fn present(&self) -> impl Iterator<Item = u16> + '_ {
        (0..self.vertices.len() as u16).filter(|&vertex| self.is_present(vertex))
    }

    pub(crate) fn is_present(&self, vertex: u16) -> bool {
        let vertex = &self.vertices[usize::from(vertex)];
        let is_met = vertex.flows > 0 || (self.is_unordered && vertex.answers > 0);
        is_met && vertex.counts()
    }

    pub(crate) fn width(&self) -> usize {
        self.present().count()
    }

    /// Present, and probes get beyond it.
    pub(crate) fn is_live(&self, vertex: u16) -> bool {
        self.is_present(vertex) && self.vertices[usize::from(vertex)].end.is_none()
    }

    /// The one vertex of a hop that has shown no other, if it is answering.
    pub(crate) fn is_chain(&self) -> bool {
        let mut present = self.present();
        match (present.next(), present.next()) {
            (Some(vertex), None) => self.is_live(vertex) && !self.is_silent(),
            _ => false,
        }
    }

    pub(crate) fn silent_after(&self, before: u16) -> Option<u16> {
        let is_it = |vertex: &Vertex| vertex.address.is_none() && vertex.after == Some(before);
        self.vertices.iter().position(is_it).map(|index| index as u16)
    }

    /// The vertex with this address, which may be new.
    pub(crate) fn answering(&mut self, address: u16) -> u16 {
        let known = self.vertices.iter().position(|vertex| vertex.address == Some(address));
        let index = known.unwrap_or_else(|| {
            self.vertices.push(Vertex::answering(address));
            self.vertices.len() - 1
        });
        index as u16
    }

    pub(crate) fn restart(&mut self) {
        let pace = std::mem::take(&mut self.pace);
        *self = Self { pace, epoch: self.epoch.wrapping_add(1), ..Self::default() };
    }
}
