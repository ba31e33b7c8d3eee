//! Which sequence number may follow which.

/// Where one stream stands in its spool.
#[derive(Debug)]
pub(crate) struct Sequence {
    last: Option<u64>,
    /// The highest marker of any table when the stream began.
    committed: u64,
}

/// What a batch or a gap means at its place in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It came before, in this stream.
    Again,
    /// It is next.
    Next,
    /// It is the stream's first, and what lies between the lake's markers and
    /// it is in neither: the station was told that it is safe, and it is not.
    After(Missing),
}

/// Batches that will never come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) first_seq: u64,
    pub(crate) last_seq: u64,
}

/// A number that cannot stand where it stands.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SequenceError {
    /// Batches in between were left out.
    #[error("sequence number {found} where {expected} is next")]
    Jump { expected: u64, found: u64 },
    /// Delta's markers are positive 64-bit integers.
    #[error("sequence number {0} is not between 1 and 2^63 - 1")]
    Range(u64),
    /// A gap ends before it begins.
    #[error("gap from {first_seq} to {last_seq}")]
    Backwards { first_seq: u64, last_seq: u64 },
}

impl Sequence {
    /// A stream that starts while `committed` is the highest marker of its
    /// spool.
    pub(crate) fn new(committed: u64) -> Self {
        Self { last: None, committed }
    }

    pub(crate) fn batch(&mut self, seq: u64) -> Result<Place, SequenceError> {
        self.advance(seq, seq)
    }

    pub(crate) fn gap(&mut self, first_seq: u64, last_seq: u64) -> Result<Place, SequenceError> {
        if last_seq < first_seq {
            return Err(SequenceError::Backwards { first_seq, last_seq });
        }
        self.advance(first_seq, last_seq)
    }

    fn advance(&mut self, first: u64, last: u64) -> Result<Place, SequenceError> {
        for seq in [first, last] {
            if !(1..=i64::MAX as u64).contains(&seq) {
                return Err(SequenceError::Range(seq));
            }
        }
        let place = match self.last {
            Some(previous) if last <= previous => return Ok(Place::Again),
            Some(previous) if first > previous + 1 => {
                return Err(SequenceError::Jump { expected: previous + 1, found: first });
            }
            None if first > self.committed + 1 => {
                Place::After(Missing { first_seq: self.committed + 1, last_seq: first - 1 })
            }
            _ => Place::Next,
        };
        self.last = Some(last);
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_each_other_or_a_gap() {
        let mut sequence = Sequence::new(0);
        assert_eq!(sequence.batch(1), Ok(Place::Next));
        assert_eq!(sequence.batch(2), Ok(Place::Next));
        assert_eq!(sequence.batch(4), Err(SequenceError::Jump { expected: 3, found: 4 }));
        assert_eq!(sequence.gap(3, 9), Ok(Place::Next));
        assert_eq!(sequence.gap(11, 12), Err(SequenceError::Jump { expected: 10, found: 11 }));
        assert_eq!(sequence.batch(10), Ok(Place::Next));
    }

    #[test]
    fn what_came_before_comes_again_without_harm() {
        let mut sequence = Sequence::new(7);
        assert_eq!(sequence.batch(3), Ok(Place::Next), "streams start where the spool does");
        assert_eq!(sequence.batch(3), Ok(Place::Again));
        assert_eq!(sequence.batch(1), Ok(Place::Again));
        assert_eq!(sequence.batch(4), Ok(Place::Next));
        assert_eq!(sequence.gap(2, 4), Ok(Place::Again));
        assert_eq!(sequence.gap(2, 5), Ok(Place::Next), "a gap may have grown");
    }

    #[test]
    fn a_stream_that_starts_behind_the_markers_tells_what_is_missing() {
        let missing = Missing { first_seq: 8, last_seq: 9 };
        assert_eq!(Sequence::new(7).batch(10), Ok(Place::After(missing)));
        assert_eq!(Sequence::new(7).batch(8), Ok(Place::Next));
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let mut sequence = Sequence::new(0);
        for seq in [0, 1 << 63, u64::MAX] {
            assert_eq!(sequence.batch(seq), Err(SequenceError::Range(seq)));
        }
        assert_eq!(sequence.gap(1, u64::MAX), Err(SequenceError::Range(u64::MAX)));
        let backwards = SequenceError::Backwards { first_seq: 2, last_seq: 1 };
        assert_eq!(sequence.gap(2, 1), Err(backwards));
    }
}
