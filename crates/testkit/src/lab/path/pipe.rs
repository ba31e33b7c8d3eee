//! One direction of a path as a state machine: a frame's arrival in, its
//! departure or the reason of its drop out.  Time is a parameter, and no decision
//! depends on anything else: what happens to a sequence of frames is repeatable.

use std::collections::VecDeque;
use std::time::Duration;

use super::loss::Losses;
use super::random::Random;
use super::{Direction, Policer};

/// Why a frame does not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// By the policer: the bucket has too few tokens.
    Policed,
    /// At the bottleneck: the queue is full.
    QueueFull,
    /// On the way.
    Lost,
}

/// A direction and what it remembers.  All times count from one origin.
#[derive(Debug, Clone)]
pub struct Pipe {
    direction: Direction,
    losses: Losses,
    jitter: Random,
    /// When the policer's bucket would be full again.
    bucket_full: Duration,
    /// Frames at the bottleneck: when each has been sent, and its length.
    queue: VecDeque<(Duration, u64)>,
    queue_bytes: u64,
    /// When the bottleneck has sent all that it has.
    idle: Duration,
    last_departure: Duration,
}

/// Which sequence of a seed decides what.
const LOSS: u64 = 0;
const JITTER: u64 = 1;

impl Pipe {
    /// An empty pipe.
    pub fn new(direction: Direction) -> Self {
        Self {
            direction,
            losses: Losses::new(direction.loss, Random::new(direction.seed, LOSS)),
            jitter: Random::new(direction.seed, JITTER),
            bucket_full: Duration::ZERO,
            queue: VecDeque::new(),
            queue_bytes: 0,
            idle: Duration::ZERO,
            last_departure: Duration::ZERO,
        }
    }

    /// Another direction from now on: random sequences start again, the bucket is
    /// full, and what is under way stays as it was and is not overtaken.
    pub fn reconfigure(&mut self, direction: Direction) {
        let Self { queue, queue_bytes, idle, last_departure, .. } = self.clone();
        *self = Self { queue, queue_bytes, idle, last_departure, ..Self::new(direction) };
    }

    /// A frame of `length` bytes arrives at `now`, no earlier than the one before
    /// it: when it leaves at the other end, if it does.
    pub fn offer(&mut self, now: Duration, length: usize) -> Result<Duration, Dropped> {
        let length = length as u64;
        // Drawn for every frame, so that the n-th draw belongs to the n-th frame.
        let lost = self.losses.next();
        let jitter = self.direction.jitter.spread.mul_f64(self.jitter.share());
        if let Some(policer) = self.direction.policer {
            self.police(policer, now, length)?;
        }
        let sent = self.send(now, length)?;
        if lost {
            return Err(Dropped::Lost);
        }
        let mut departure = sent + self.direction.delay + jitter;
        if !self.direction.jitter.reorders {
            departure = departure.max(self.last_departure);
        }
        self.last_departure = self.last_departure.max(departure);
        Ok(departure)
    }

    /// Bytes at the bottleneck when the last frame had been offered.
    pub fn queue_bytes(&self) -> u64 {
        self.queue_bytes
    }

    /// The token bucket as the generic cell rate algorithm (ITU-T I.371), which is
    /// the same in units of time: `bucket_full - now` is what is missing in it.
    fn police(&mut self, policer: Policer, now: Duration, length: u64) -> Result<(), Dropped> {
        let full = self.bucket_full.max(now) + transmission(length, policer.rate_bit_per_s);
        if full > now + transmission(policer.burst_bytes, policer.rate_bit_per_s) {
            return Err(Dropped::Policed);
        }
        self.bucket_full = full;
        Ok(())
    }

    /// When the bottleneck has sent the frame.
    fn send(&mut self, now: Duration, length: u64) -> Result<Duration, Dropped> {
        while let Some(&(_, length)) = self.queue.front().filter(|(sent, _)| *sent <= now) {
            self.queue.pop_front();
            self.queue_bytes -= length;
        }
        let Some(bottleneck) = self.direction.bottleneck else {
            // A queue of the time before `reconfigure` is not overtaken.
            return Ok(self.idle.max(now));
        };
        if !self.queue.is_empty() && self.queue_bytes + length > bottleneck.queue_bytes {
            return Err(Dropped::QueueFull);
        }
        self.idle = self.idle.max(now) + transmission(length, bottleneck.rate_bit_per_s);
        self.queue.push_back((self.idle, length));
        self.queue_bytes += length;
        Ok(self.idle)
    }
}

/// How long a link of that rate takes for so many bytes; for ever at rate 0 is a
/// mistake of the lab's.
fn transmission(bytes: u64, rate_bit_per_s: u64) -> Duration {
    assert!(rate_bit_per_s > 0, "a link or policer of 0 bit/s passes nothing: use `Loss`");
    let nanoseconds = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(rate_bit_per_s);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
