//! What is known of the paths: for each hop and flow, where the flow is.

mod hop;
mod pair;
mod shape;
mod vertex;

pub(crate) use hop::{Hop, Outcome};
pub(crate) use pair::Pair;
pub(crate) use shape::PairShape;
pub use vertex::End;
pub(crate) use vertex::Vertex;

/// Hops by time to live; hop 0 is the source, which every flow crosses.
#[derive(Debug)]
pub(crate) struct Lattice {
    hops: Vec<Hop>,
    /// Flows from this number on were never probed.
    fresh: u16,
    /// By flow: the time to live at which it is known to end, or 0.
    ends: Vec<u8>,
    /// The last hop of which nothing is left to do, nor of any before it.
    complete: usize,
}

impl Lattice {
    pub(crate) fn new() -> Self {
        Self { hops: vec![Hop::source()], fresh: 0, ends: Vec::new(), complete: 0 }
    }

    /// Makes the hop exist.
    pub(crate) fn reach(&mut self, ttl: usize) {
        while self.hops.len() <= ttl {
            self.hops.push(Hop::default());
        }
    }

    /// Hops that exist, with the source.
    pub(crate) fn len(&self) -> usize {
        self.hops.len()
    }

    pub(crate) fn hop(&self, ttl: usize) -> &Hop {
        &self.hops[ttl]
    }

    pub(crate) fn hop_mut(&mut self, ttl: usize) -> &mut Hop {
        &mut self.hops[ttl]
    }

    /// The first flow that was never probed.
    pub(crate) fn fresh(&self) -> u16 {
        self.fresh
    }

    pub(crate) fn outcome(&self, ttl: usize, flow: u16) -> Outcome {
        self.hops[ttl].outcome(flow)
    }

    /// A probe of the flow is on its way.
    pub(crate) fn send(&mut self, ttl: usize, flow: u16) {
        self.fresh = self.fresh.max(flow + 1);
        if self.ends.len() < usize::from(self.fresh) {
            self.ends.resize(usize::from(self.fresh), 0);
        }
        let attempts = match self.outcome(ttl, flow) {
            Outcome::Lost(attempts) => attempts,
            _ => 0,
        };
        self.hops[ttl].set(flow, Outcome::Pending(attempts));
    }

    pub(crate) fn complete(&self) -> usize {
        self.complete
    }

    /// Nothing is left to do up to this hop.
    pub(crate) fn close(&mut self, ttl: usize) {
        self.hops[ttl].learn_shape();
        self.complete = ttl;
    }

    /// Something new is known of this hop.
    pub(crate) fn reopen(&mut self, ttl: usize) {
        self.complete = self.complete.min(ttl.saturating_sub(1));
    }

    /// Whether the flow is known to end at the hop or before.
    pub(crate) fn is_ended(&self, ttl: usize, flow: u16) -> bool {
        let end = self.ends.get(usize::from(flow)).map_or(0, |&end| usize::from(end));
        end != 0 && end <= ttl
    }

    /// The vertex that the flow crosses at the hop, if that is known: because it
    /// answered, or because there is no other, or because the whole hop is
    /// silent and the vertex before it is known.
    pub(crate) fn place(&self, ttl: usize, flow: u16) -> Option<u16> {
        let hop = &self.hops[ttl];
        match hop.outcome(flow) {
            Outcome::At(vertex)
                if !hop.is_unordered && hop.vertices[usize::from(vertex)].counts() =>
            {
                Some(vertex)
            }
            Outcome::Pending(_) | Outcome::Lost(_) => None,
            _ if ttl > self.complete => None,
            _ => match hop.shape() {
                hop::Shape::Single(vertex) => Some(vertex),
                hop::Shape::Silent if !hop.is_unordered => {
                    hop.silent_after(self.place(ttl - 1, flow)?)
                }
                _ => None,
            },
        }
    }

    /// Whether the flow was probed at the hop and its place is known by that.
    pub(crate) fn is_seen(&self, ttl: usize, flow: u16) -> bool {
        matches!(self.outcome(ttl, flow), Outcome::At(_))
    }

    /// The flow got an answer from the vertex that ends it.
    pub(crate) fn end_flow(&mut self, ttl: usize, flow: u16) {
        // Behind a per-packet balancer a flow may end here now and there later.
        if self.hops[..=ttl].iter().any(|hop| hop.is_unordered) {
            return;
        }
        let end = &mut self.ends[usize::from(flow)];
        if *end == 0 || usize::from(*end) > ttl {
            *end = ttl as u8;
        }
        // What answered further out was the same vertex, met too late.
        for hop in &mut self.hops[ttl + 1..] {
            hop.forget(flow);
        }
    }

    /// Whether the flow was seen at this address two or more hops before.  The
    /// same address on two hops in a row is no loop: some routers forward a
    /// packet whose time to live has ended.
    pub(crate) fn is_loop(&self, ttl: usize, flow: u16, address: u16) -> bool {
        let is_here = |hop: &Hop| match hop.outcome(flow) {
            Outcome::At(vertex) => hop.vertices[usize::from(vertex)].address == Some(address),
            _ => false,
        };
        let before = &self.hops[..ttl.saturating_sub(1)];
        before.iter().any(is_here) && !self.hops[..=ttl].iter().any(|hop| hop.is_unordered)
    }

    /// The path is another one: what was known is void.  Of the hops before the
    /// one where that was noticed too, since they may have been asked earlier.
    pub(crate) fn restart(&mut self) {
        self.hops[0] = Hop::source();
        self.hops[1..].iter_mut().for_each(Hop::restart);
        self.ends.fill(0);
        self.complete = 0;
    }
}
