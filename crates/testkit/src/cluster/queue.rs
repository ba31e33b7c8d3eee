//! Things to do, each once it is due and by one thread at a time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    due: BinaryHeap<Reverse<(Instant, T)>>,
    /// When each is due: what is in the heap for another time was asked for anew.
    times: HashMap<T, Instant>,
    is_over: bool,
}

impl<T: Clone + Eq + Ord + std::hash::Hash> Queue<T> {
    pub(super) fn new() -> Self {
        let state = State { due: BinaryHeap::new(), times: HashMap::new(), is_over: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Has it done at that time, or before if that was asked for.
    pub(super) fn add(&self, what: T, at: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.times.get(&what).is_some_and(|known| *known <= at) {
            return;
        }
        state.times.insert(what.clone(), at);
        state.due.push(Reverse((at, what)));
        self.changed.notify_one();
    }

    /// Nobody takes anything more.
    pub(super) fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_over = true;
        self.changed.notify_all();
    }

    /// Waits for the next that is due; none at the end.
    pub(super) fn take(&self) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.is_over {
            let now = Instant::now();
            let next = state.due.peek().map(|Reverse((at, _))| *at);
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) if at > now => {
                    let waited = self.changed.wait_timeout(state, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    if let Some(Reverse((at, what))) = state.due.pop()
                        && state.times.get(&what) == Some(&at)
                    {
                        state.times.remove(&what);
                        return Some(what);
                    }
                    state
                }
            };
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_asked_for_twice_is_done_once_and_at_the_earlier_time() {
        let queue = Queue::new();
        let now = Instant::now();
        queue.add("late", now + Duration::from_millis(20));
        queue.add("twice", now + Duration::from_hours(1));
        queue.add("twice", now);
        queue.add("twice", now + Duration::from_millis(1));
        assert_eq!([queue.take(), queue.take()], [Some("twice"), Some("late")]);
        queue.end();
        assert_eq!(queue.take(), None);
    }
}
