//! Traces that are to begin: at once, unless sockets are short.
//!
//! A trace takes a socket for each of its flows, as many as the network makes it
//! need, and keeps them to its end.  So several can come to hold all that there
//! are while each needs one more.  Then the youngest gives way: its sockets go to
//! the others, and it begins again, at its old place in the order, when another
//! trace has ended.  The oldest never gives way, so one always gets on, and who
//! waits becomes the oldest in time.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::tracer::Traced;

/// Between tries to get a socket, if no trace ends meanwhile: those of the rest of
/// this process, or of the host, may have become free.
pub(super) const RETRY: Duration = Duration::from_millis(100);
/// After so long without a shortage any number may begin at once.
const CALM: Duration = Duration::from_secs(10);

/// A trace that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// Age: who asked first has the lowest.
    pub(super) number: u64,
    pub(super) target: IpAddr,
    pub(super) done: oneshot::Sender<Traced>,
    /// When it was asked for.
    pub(super) since: Duration,
}

/// Who waits to begin, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Asked>,
    last_number: u64,
    /// When sockets were short, if that is not long ago.
    short_at: Option<Duration>,
    /// Traces that ended since, each of which leaves room for another one.
    ended: usize,
}

impl Queue {
    pub(super) fn push(&mut self, target: IpAddr, done: oneshot::Sender<Traced>, since: Duration) {
        self.last_number += 1;
        self.waiting.push_back(Asked { number: self.last_number, target, done, since });
    }

    /// Back to its place in the order.
    pub(super) fn put_back(&mut self, asked: Asked) {
        let place = self.waiting.partition_point(|waiting| waiting.number < asked.number);
        self.waiting.insert(place, asked);
    }

    /// The oldest, if it may begin now, while so many run.
    pub(super) fn pop(&mut self, running: usize, now: Duration) -> Option<Asked> {
        let has_room = match self.short_at {
            None => true,
            Some(at) if now >= at + CALM => {
                self.short_at = None;
                true
            }
            Some(at) => self.ended > 0 || (running == 0 && now >= at + RETRY),
        };
        let asked = self.waiting.pop_front_if(|_| has_room)?;
        self.ended = self.ended.saturating_sub(1);
        Some(asked)
    }

    /// When there is somebody to begin, if no trace ends before.
    pub(super) fn due(&self, running: usize) -> Option<Duration> {
        let pause = if running == 0 { RETRY } else { CALM };
        let at = self.short_at.map_or(Duration::ZERO, |at| at + pause);
        (!self.waiting.is_empty()).then_some(at)
    }

    /// Sockets are short.  True if they were not before.
    pub(super) fn is_short(&mut self, now: Duration) -> bool {
        self.ended = 0;
        self.short_at.replace(now).is_none()
    }

    /// A trace has ended.
    pub(super) fn ended(&mut self) {
        self.ended += usize::from(self.short_at.is_some());
    }

    /// All of them.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Asked> + '_ {
        self.waiting.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn queue(traces: u8) -> Queue {
        let mut queue = Queue::default();
        for _ in 0..traces {
            queue.push([192, 0, 2, 1].into(), oneshot::channel().0, NOW);
        }
        queue
    }

    fn next(queue: &mut Queue, running: usize, now: Duration) -> Option<u64> {
        queue.pop(running, now).map(|asked| asked.number)
    }

    #[test]
    fn without_a_shortage_all_begin_in_order() {
        let mut queue = queue(3);
        assert_eq!([1, 2, 3].map(Some), [0, 1, 2].map(|running| next(&mut queue, running, NOW)));
        assert_eq!((next(&mut queue, 3, NOW), queue.due(3)), (None, None));
    }

    #[test]
    fn in_a_shortage_one_begins_for_each_that_ends_and_who_gave_way_comes_first() {
        let mut queue = queue(5);
        let begun: Vec<_> = (0..3).filter_map(|running| queue.pop(running, NOW)).collect();
        assert!(queue.is_short(NOW));
        assert!(!queue.is_short(NOW), "it is still the same shortage");
        for asked in begun.into_iter().skip(1).rev() {
            queue.put_back(asked);
        }
        assert_eq!(next(&mut queue, 1, NOW + RETRY), None);
        queue.ended();
        assert_eq!(next(&mut queue, 0, NOW), Some(2));
        assert_eq!(next(&mut queue, 1, NOW), None);
        queue.ended();
        queue.ended();
        assert_eq!([next(&mut queue, 0, NOW), next(&mut queue, 1, NOW)], [Some(3), Some(4)]);
    }

    #[test]
    fn whoever_is_alone_tries_again_soon_and_all_when_it_has_been_calm() {
        let mut queue = queue(3);
        queue.is_short(NOW);
        assert_eq!(next(&mut queue, 0, NOW), None);
        assert_eq!(queue.due(0), Some(NOW + RETRY));
        assert_eq!(next(&mut queue, 0, NOW + RETRY), Some(1));
        assert_eq!((next(&mut queue, 1, NOW + RETRY), queue.due(1)), (None, Some(NOW + CALM)));
        assert_eq!(next(&mut queue, 1, NOW + CALM), Some(2));
        assert_eq!(next(&mut queue, 2, NOW + CALM), Some(3));
        assert!(queue.is_short(NOW + CALM), "another one");
    }
}
