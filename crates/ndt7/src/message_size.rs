//! How long the next binary message is: it doubles while it is at most a
//! sixteenth of what was sent, so that a slow sender's messages stay short
//! (measurements stand between them) and a fast one's cost little.

use crate::spec;

/// The size of binary messages while a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageSize {
    bytes: usize,
}

impl MessageSize {
    /// The size of the first message.
    pub fn new() -> Self {
        Self { bytes: spec::INITIAL_MESSAGE_SIZE }
    }

    /// Payload bytes of the next message.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    /// To be called after every message, with all payload bytes sent so far.
    pub fn grow(&mut self, total_sent: u64) {
        if self.bytes < spec::MAX_SCALED_MESSAGE_SIZE
            && self.bytes as u64 <= total_sent / spec::SCALING_FRACTION
        {
            self.bytes *= 2;
        }
    }
}

impl Default for MessageSize {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen on the wire of M-Lab's server: sixteen messages of the first size,
    /// eight of each further one, then the largest for ever.
    #[test]
    fn sizes_are_those_of_the_reference_server() {
        let mut size = MessageSize::new();
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut total = 0;
        for _ in 0..200 {
            match runs.last_mut() {
                Some((bytes, count)) if *bytes == size.bytes() => *count += 1,
                _ => runs.push((size.bytes(), 1)),
            }
            total += size.bytes() as u64;
            size.grow(total);
        }
        let expected: Vec<(usize, usize)> = [(8 << 10, 16)]
            .into_iter()
            .chain((1..=6).map(|i| ((8 << 10) << i, 8)))
            .chain([(1 << 20, 200 - 16 - 6 * 8)])
            .collect();
        assert_eq!(runs, expected);
    }
}
