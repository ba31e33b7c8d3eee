//! What the sampler does when: rounds of exact gets, dumps, and the ends of flows.
//!
//! A flow ends with its destroy event.  A poll that does not find it only
//! starts a time of grace, because the event may still be queued; a dump that
//! failed or was interrupted says nothing about what it did not show.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::netlink::Notice;
use crate::{
    Counters, Error, Family, Flow, Moment, Recorder, Reply, SocketKey, SocketMessage, Source,
};

use super::Settings;
use super::grid::{Grid, Grids};
use super::inbox::Input;
use super::remembered::Remembered;
use super::tracked::Tracked;

/// How often watched sockets are polled.
pub const WATCHED_PERIOD: Duration = Duration::from_millis(10);
/// Until a dump out of turn.
const SOON_NS: u64 = 10_000_000;

/// The sampler without its threads.
pub(super) struct Engine<S, C> {
    source: S,
    clock: C,
    flows: Flows,
    /// When to dump out of turn, after a dump failed or events were lost.
    dump_at_ns: Option<u64>,
    /// Number of the last round of dumps, from 1.
    dumps: u64,
    /// Whether the last round of dumps failed; said once in the log.
    dump_failed: bool,
}

/// The live flows and those who are told about them.
struct Flows {
    grids: Grids,
    live: HashMap<u64, Tracked>,
    /// Cookies of watched flows; may hold some that ended.
    watched: Vec<u64>,
    /// Flows that a poll did not find: when their grace ends, and their cookie.
    vanished: VecDeque<(u64, u64)>,
    ended_without_event: Remembered,
    local_ports: HashSet<u16>,
    grace_ns: u64,
    recorder: Box<dyn Recorder>,
    counters: Arc<Counters>,
}

impl<S: Source, C: Clock> Engine<S, C> {
    pub(super) fn new(
        settings: Settings,
        source: S,
        clock: C,
        recorder: Box<dyn Recorder>,
        counters: Arc<Counters>,
    ) -> Self {
        let start = clock.now().monotonic_ns;
        Self {
            source,
            clock,
            flows: Flows {
                grids: Grids {
                    watched: Grid::new(start, WATCHED_PERIOD.as_nanos() as u64),
                    other: Grid::new(start, settings.other_period.as_nanos() as u64),
                },
                live: HashMap::new(),
                watched: Vec::new(),
                vanished: VecDeque::new(),
                ended_without_event: Remembered::default(),
                local_ports: settings.local_ports.into_iter().collect(),
                grace_ns: settings.grace.as_nanos() as u64,
                recorder,
                counters,
            },
            dump_at_ns: None,
            dumps: 0,
            dump_failed: false,
        }
    }

    /// How long nothing is due.
    pub(super) fn wait(&self) -> Duration {
        let grids = &self.flows.grids;
        let watched = (!self.flows.watched.is_empty()).then(|| grids.watched.deadline_ns());
        let grace = self.flows.vanished.front().map(|(deadline, _)| *deadline);
        let other = grids.other.deadline_ns();
        let deadline =
            [watched, grace, self.dump_at_ns].into_iter().flatten().fold(other, u64::min);
        Duration::from_nanos(deadline.saturating_sub(self.clock.now().monotonic_ns))
    }

    /// Does what is due.
    pub(super) fn run_due(&mut self) {
        let now = self.clock.now().monotonic_ns;
        if !self.flows.watched.is_empty()
            && let Some(late_us) = self.flows.grids.watched.take_due(now)
        {
            self.flows.counters.lateness.observe(late_us);
            self.poll_watched();
        }
        let now = self.clock.now().monotonic_ns;
        let due = self.flows.grids.other.take_due(now);
        if let Some(late_us) = due {
            self.flows.counters.lateness.observe(late_us);
        }
        if due.is_some() || self.dump_at_ns.is_some_and(|at| at <= now) {
            self.poll_others(self.flows.grids.other.index_at(now), due.is_some());
        }
        self.flows.end_graces(self.clock.now().monotonic_ns);
    }

    /// Takes in what another thread said.
    pub(super) fn handle(&mut self, input: Input) {
        match input {
            Input::Watch(key, since) => self.flows.watch(key, since),
            Input::Unwatch(cookie, until) => self.flows.unwatch(cookie, until),
            Input::Notice(Notice::Destroyed(message, received)) => {
                self.flows.destroyed(*message, received);
            }
            Input::Notice(Notice::Lost) => {
                // Soon, but one dump for a burst of losses.
                let soon = self.clock.now().monotonic_ns + SOON_NS;
                self.dump_at_ns.get_or_insert(soon);
            }
            Input::Stop => {}
        }
    }

    /// Ends every live flow with its last poll.
    pub(super) fn finish(&mut self) {
        let now = self.clock.now();
        let cookies: Vec<u64> = self.flows.live.keys().copied().collect();
        for cookie in cookies {
            let closed = self.flows.live.get(&cookie).and_then(|tracked| tracked.vanished);
            self.flows.close(cookie, closed.unwrap_or(now), None);
        }
    }

    fn poll_watched(&mut self) {
        let mut watched = std::mem::take(&mut self.flows.watched);
        watched.retain(|cookie| self.poll_exactly(*cookie));
        self.flows.watched = watched;
    }

    /// Polls one flow by exact get; false when it is over.
    fn poll_exactly(&mut self, cookie: u64) -> bool {
        let Some(tracked) = self.flows.live.get(&cookie) else { return false };
        if tracked.vanished.is_some() {
            return false;
        }
        // A round may take long, or be held up: each poll has its own instant.
        let request = self.clock.now();
        let index = self.flows.grids.of(tracked.is_watched).index_at(request.monotonic_ns);
        if tracked.is_watched && tracked.is_accounted(index) {
            return true;
        }
        let answer = self.source.get(&tracked.flow.key);
        let reply = self.clock.now();
        let counters = &self.flows.counters;
        counters.get_longest_us.raise_to(reply.since_us(request));
        match answer {
            Ok(Some(message)) => {
                counters.gets.add(1);
                self.flows.polled(index, Reply { request, reply, message })
            }
            Ok(None) => {
                counters.gets.add(1);
                self.flows.vanish(cookie, reply, index.saturating_sub(1));
                false
            }
            Err(error) => {
                counters.gets_failed.add(1);
                tracing::debug!(%error, "a poll failed and counts as missed");
                true
            }
        }
    }

    /// Dumps both families: discovers flows, polls those that are not watched,
    /// and asks for those that were not shown.
    fn poll_others(&mut self, index: u64, regular: bool) {
        self.dumps += 1;
        self.flows.leave_pause(self.clock.now());
        let mut complete = true;
        for family in [Family::V4, Family::V6] {
            let (flows, dumps) = (&mut self.flows, self.dumps);
            match self.source.dump(family, &mut |reply| flows.dumped(reply, dumps, index)) {
                Ok(()) => {
                    self.flows.counters.dumps.add(1);
                    self.ask_for_unseen(family);
                }
                Err(error) => {
                    self.flows.counters.dumps_failed.add(1);
                    self.log_failed_dump(&error);
                    complete = false;
                }
            }
        }
        self.dump_failed = !complete;
        // Repeated soon once, then in its turn.
        let soon = self.clock.now().monotonic_ns + SOON_NS;
        self.dump_at_ns = (!complete && regular).then_some(soon);
    }

    fn log_failed_dump(&self, error: &Error) {
        if matches!(error, Error::DumpInterrupted { .. }) || self.dump_failed {
            tracing::debug!(%error, "a dump failed, it closes no flow and is repeated");
        } else {
            tracing::warn!(%error, "a dump failed, it closes no flow and is repeated");
        }
    }

    /// A flow that a complete dump did not show may only be in a state that
    /// dumps leave out, so it is asked for.
    fn ask_for_unseen(&mut self, family: Family) {
        let unseen: Vec<u64> = self
            .flows
            .live
            .iter()
            .filter_map(|(cookie, tracked)| {
                let asked = tracked.flow.key.family == family
                    && tracked.seen_in_dump != self.dumps
                    && !tracked.is_watched
                    && tracked.vanished.is_none();
                asked.then_some(*cookie)
            })
            .collect();
        for cookie in unseen {
            self.poll_exactly(cookie);
        }
    }
}

impl Flows {
    /// Opens the flow of a socket if it is new; polls up to `accounted` are
    /// none of its own.
    fn open(&mut self, key: SocketKey, now: Moment, accounted: u64) {
        self.live.entry(key.cookie).or_insert_with(|| {
            let flow = Flow { key, opened: now };
            self.counters.flows_opened.add(1);
            self.recorder.opened(&flow);
            Tracked::new(flow, accounted)
        });
    }

    fn watch(&mut self, key: SocketKey, since: Moment) {
        self.leave_pause(since);
        self.open(key, since, self.grids.other.index_at(since.monotonic_ns));
        if let Some(tracked) = self.live.get_mut(&key.cookie) {
            self.counters.polls_missed.add(tracked.watch(since, &self.grids));
        }
        if !self.watched.contains(&key.cookie) {
            self.watched.push(key.cookie);
        }
    }

    fn unwatch(&mut self, cookie: u64, until: Moment) {
        self.watched.retain(|watched| *watched != cookie);
        if let Some(tracked) = self.live.get_mut(&cookie) {
            self.counters.polls_missed.add(tracked.unwatch(until, &self.grids));
        }
    }

    /// The watched grid stands still without watched flows; call before one comes.
    fn leave_pause(&mut self, from: Moment) {
        if self.watched.is_empty() {
            self.grids.watched.resume(from.monotonic_ns);
        }
    }

    fn is_of_interest(&self, key: &SocketKey) -> bool {
        self.local_ports.is_empty() || self.local_ports.contains(&key.local.port())
    }

    /// A dump showed a socket.
    fn dumped(&mut self, reply: Reply, dump: u64, index: u64) {
        let key = reply.message.key;
        if !self.live.contains_key(&key.cookie) {
            // The event of a mini-socket's flow was sent before it was made.
            if reply.message.is_mini_socket() || !self.is_of_interest(&key) {
                return;
            }
            self.open(key, reply.reply, index.saturating_sub(1));
        }
        let Some(tracked) = self.live.get_mut(&key.cookie) else { return };
        tracked.seen_in_dump = dump;
        if tracked.vanished.is_some() && !reply.message.is_mini_socket() {
            // A get misses a socket at times while its place in the table changes.
            tracked.vanished = None;
            if tracked.is_watched {
                self.watched.push(key.cookie);
            }
        }
        // Polled by exact gets, or over: nothing to add.
        if !tracked.is_watched && tracked.vanished.is_none() {
            self.polled(index, reply);
        }
    }

    /// A poll was answered; false when the flow is over.
    fn polled(&mut self, index: u64, reply: Reply) -> bool {
        let Reply { request, reply, message } = reply;
        let (cookie, over) = (message.key.cookie, message.is_mini_socket());
        let Some(tracked) = self.live.get_mut(&cookie) else { return false };
        // A repeated dump shows nothing that is due.
        if !tracked.is_accounted(index) {
            let missed = tracked.polled(index, request, reply, message, &mut *self.recorder);
            self.counters.polls_missed.add(missed);
        }
        if over {
            self.vanish(cookie, reply, index);
        }
        !over
    }

    /// A poll did not find the flow, or only what remains of it: its event has
    /// been sent and gets a time of grace to arrive.
    fn vanish(&mut self, cookie: u64, now: Moment, missed_through: u64) {
        let Some(tracked) = self.live.get_mut(&cookie) else { return };
        self.counters.polls_missed.add(tracked.miss_through(missed_through));
        tracked.vanished = Some(now);
        self.vanished.push_back((now.monotonic_ns + self.grace_ns, cookie));
    }

    fn end_graces(&mut self, now_ns: u64) {
        while let Some((_, cookie)) = self.vanished.pop_front_if(|(end, _)| *end <= now_ns) {
            let vanished = self.live.get(&cookie).and_then(|tracked| tracked.vanished);
            // One that was found again, and lost again, waits from then on.
            let over = |closed: &Moment| closed.monotonic_ns + self.grace_ns <= now_ns;
            if let Some(closed) = vanished.filter(over) {
                self.ended_without_event.insert(cookie, now_ns);
                self.close(cookie, closed, None);
            }
        }
    }

    /// A destroy event came.
    fn destroyed(&mut self, message: SocketMessage, received: Moment) {
        let key = message.key;
        if !self.live.contains_key(&key.cookie) {
            if self.ended_without_event.remove(key.cookie) || !self.is_of_interest(&key) {
                self.counters.events_ignored.add(1);
                return;
            }
            // Shorter than a poll.
            self.open(key, received, self.grids.other.index_at(received.monotonic_ns));
        }
        self.close(key.cookie, received, Some(message));
    }

    fn close(&mut self, cookie: u64, closed: Moment, last_word: Option<SocketMessage>) {
        if let Some(mut tracked) = self.live.remove(&cookie) {
            self.counters.polls_missed.add(tracked.end(closed, &self.grids));
            let closed = tracked.close(closed, last_word.and_then(|message| message.tcp_info));
            self.counters.flows_closed.add(1);
            self.recorder.closed(&closed);
        }
    }
}

#[cfg(test)]
mod tests;
