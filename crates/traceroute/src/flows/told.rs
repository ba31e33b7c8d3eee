//! Connections of which nothing more is to be told, until their end.

use std::collections::{BTreeMap, HashMap};

use trigpoint_record::FlowId;

/// The last so many that were told or told again.
///
/// A connection leaves when its Close comes, and that may never be: it can end
/// while the server's socket is not read.  But who reads again is first told
/// what is open, which makes those the newest.  So with room for as many as a
/// server has open, only such are forgotten that have ended; and if one should
/// not have, its client has a second row, which repeats the first one's trace.
#[derive(Debug)]
pub(super) struct Told {
    most: usize,
    turns: HashMap<FlowId, u64>,
    /// The oldest first.
    order: BTreeMap<u64, FlowId>,
    last_turn: u64,
}

impl Told {
    pub(super) fn new(most: usize) -> Self {
        Self { most, turns: HashMap::new(), order: BTreeMap::new(), last_turn: 0 }
    }

    pub(super) fn insert(&mut self, flow: FlowId) {
        self.last_turn += 1;
        if let Some(turn) = self.turns.insert(flow.clone(), self.last_turn) {
            self.order.remove(&turn);
        }
        self.order.insert(self.last_turn, flow);
        if self.order.len() > self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.turns.remove(&oldest);
        }
    }

    /// It is told again, if it is known.
    pub(super) fn refresh(&mut self, flow: &FlowId) {
        if self.turns.contains_key(flow) {
            self.insert(flow.clone());
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, flow: &FlowId) -> bool {
        let turn = self.turns.remove(flow);
        turn.is_some_and(|turn| self.order.remove(&turn).is_some())
    }

    pub(super) fn clear(&mut self) {
        self.turns.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use trigpoint_record::FlowIdPrefix;

    use super::*;

    fn flow(cookie: u64) -> FlowId {
        FlowIdPrefix::new("host", 1).flow_id(cookie)
    }

    #[test]
    fn the_oldest_is_forgotten_unless_it_is_told_again() {
        let mut told = Told::new(3);
        for cookie in 1..=3 {
            told.insert(flow(cookie));
        }
        told.refresh(&flow(1));
        told.refresh(&flow(9));
        told.insert(flow(4));
        assert_eq!(
            [1, 2, 3, 4, 9].map(|cookie| told.remove(&flow(cookie))),
            [true, false, true, true, false]
        );
        assert!(!told.remove(&flow(1)), "it was removed");
    }

    #[test]
    fn a_server_that_never_tells_of_an_end_fills_no_memory() {
        let mut told = Told::new(100);
        for cookie in 0..10_000 {
            told.insert(flow(cookie));
            told.refresh(&flow(cookie));
        }
        assert_eq!((told.turns.len(), told.order.len()), (100, 100));
    }
}
