//! Traces of the last minutes: the paths to an address change slower than
//! clients test, and a page runs two tests at once.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use trigpoint_record::tables::traces::{Origin, Outcome, Run};

/// Traces that are kept at most; a trace has some ten kilobytes.
const MAX_ENTRIES: usize = 2048;

/// What shares a trace: an IPv4 address, or the /64 of an IPv6 address, whose
/// hosts change their addresses by the day (RFC 8981).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place(IpAddr);

impl Place {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                Self(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into())
            }
            v4 @ IpAddr::V4(_) => Self(v4),
        }
    }
}

/// A trace that may be repeated.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) origin: Origin,
    pub(crate) outcome: Outcome,
    pub(crate) run: Arc<Run>,
}

#[derive(Debug)]
pub(crate) struct Cache {
    age: Duration,
    traces: HashMap<Place, (Instant, Made)>,
    /// In the order in which they were made.
    order: VecDeque<(Instant, Place)>,
}

impl Cache {
    pub(crate) fn new(age: Duration) -> Self {
        Self { age, traces: HashMap::new(), order: VecDeque::new() }
    }

    pub(crate) fn get(&mut self, place: Place, now: Instant) -> Option<&Made> {
        self.forget(now, MAX_ENTRIES);
        self.traces.get(&place).map(|(_, made)| made)
    }

    pub(crate) fn insert(&mut self, place: Place, made: Made, now: Instant) {
        self.forget(now, MAX_ENTRIES - 1);
        self.traces.insert(place, (now, made));
        self.order.push_back((now, place));
    }

    /// Those that are too old, and the oldest beyond `most`.
    fn forget(&mut self, now: Instant, most: usize) {
        while let Some((made, place)) = self.order.front().copied()
            && (self.order.len() > most || now.duration_since(made) >= self.age)
        {
            self.order.pop_front();
            // It may have been made again since.
            if self.traces.get(&place).is_some_and(|(newest, _)| *newest == made) {
                self.traces.remove(&place);
            }
        }
    }
}
