//! The per-packet test: one flow is sent again and again to the hop behind a
//! vertex that seems to branch.  A per-flow balancer sends it one way.

/// What a vertex is known to do with one flow.
#[derive(Debug, Clone, Default)]
pub(crate) enum Balancing {
    /// Not asked: at most one successor is known.
    #[default]
    Unknown,
    /// The test is running.
    Testing(Box<RepeatTest>),
    /// One flow goes one way.
    PerFlow,
    /// One flow goes several ways.
    PerPacket,
}

/// A running test.
#[derive(Debug, Clone)]
pub(crate) struct RepeatTest {
    /// The flow that is repeated.
    pub(crate) flow: u16,
    /// Where it was when it was first seen.
    expected: u16,
    /// The second round tells a per-packet balancer from a path that changed
    /// during the first one.
    is_second_round: bool,
    sent: u16,
    in_flight: u16,
    as_expected: u16,
    elsewhere: u16,
    /// The vertex of the first answer from elsewhere, and whether all came from it.
    other: Option<u16>,
    is_other_alone: bool,
}

/// What a test has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepeatVerdict {
    /// One flow, one way.
    PerFlow,
    /// One flow, several ways, twice.
    PerPacket,
    /// One way, and another one than before.
    PathChanged,
}

impl RepeatTest {
    pub(crate) fn new(flow: u16, expected: u16) -> Self {
        Self {
            flow,
            expected,
            is_second_round: false,
            sent: 0,
            in_flight: 0,
            as_expected: 0,
            elsewhere: 0,
            other: None,
            is_other_alone: true,
        }
    }

    /// How many more probes to send for a round of `size` answers.
    pub(crate) fn needed(&self, size: u16) -> u16 {
        // Where most are lost, the answers that came have to do.
        let left = (3 * size).saturating_sub(self.sent);
        size.saturating_sub(self.as_expected + self.elsewhere + self.in_flight).min(left)
    }

    pub(crate) fn on_send(&mut self) {
        self.sent += 1;
        self.in_flight += 1;
    }

    /// The last one was not sent after all.
    pub(crate) fn on_withdrawal(&mut self) {
        self.sent -= 1;
        self.in_flight -= 1;
    }

    pub(crate) fn on_loss(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(crate) fn on_answer(&mut self, vertex: u16) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if vertex == self.expected {
            self.as_expected += 1;
        } else {
            self.elsewhere += 1;
            self.is_other_alone &= *self.other.get_or_insert(vertex) == vertex;
        }
    }

    /// None while it goes on, which may be in its second round.
    pub(crate) fn verdict(&mut self, size: u16) -> Option<RepeatVerdict> {
        if self.in_flight > 0 || self.needed(size) > 0 {
            return None;
        }
        if self.elsewhere == 0 {
            return Some(RepeatVerdict::PerFlow);
        }
        if self.as_expected == 0 && self.is_other_alone {
            return Some(RepeatVerdict::PathChanged);
        }
        if self.is_second_round {
            return Some(RepeatVerdict::PerPacket);
        }
        *self = Self { is_second_round: true, ..Self::new(self.flow, self.expected) };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{RepeatTest, RepeatVerdict};

    fn round(test: &mut RepeatTest, answers: &[u16]) -> Option<RepeatVerdict> {
        assert_eq!(usize::from(test.needed(4)), answers.len());
        for answer in answers {
            test.on_send();
            test.on_answer(*answer);
        }
        test.verdict(4)
    }

    #[test]
    fn one_way_is_per_flow() {
        let mut test = RepeatTest::new(0, 7);
        assert_eq!(round(&mut test, &[7, 7, 7, 7]), Some(RepeatVerdict::PerFlow));
    }

    #[test]
    fn several_ways_twice_are_per_packet() {
        let mut test = RepeatTest::new(0, 7);
        assert_eq!(round(&mut test, &[7, 8, 7, 8]), None);
        assert_eq!(round(&mut test, &[8, 9, 8, 8]), Some(RepeatVerdict::PerPacket));
    }

    #[test]
    fn a_path_that_changes_during_the_test_is_no_balancer() {
        let mut test = RepeatTest::new(0, 7);
        assert_eq!(round(&mut test, &[7, 7, 8, 8]), None);
        assert_eq!(round(&mut test, &[8, 8, 8, 8]), Some(RepeatVerdict::PathChanged));
    }

    #[test]
    fn lost_probes_are_repeated_but_not_for_ever() {
        let mut test = RepeatTest::new(0, 7);
        for _ in 0..3 {
            for _ in 0..test.needed(4) {
                test.on_send();
                test.on_loss();
            }
        }
        assert_eq!((test.needed(4), test.verdict(4)), (0, Some(RepeatVerdict::PerFlow)));
    }
}
