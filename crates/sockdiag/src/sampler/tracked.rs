//! One flow as the sampler keeps it: its polls, counted.

use trigpoint_tcpinfo::TcpInfo;

use crate::{Closed, FinalFrom, Flow, Moment, Polled, Recorder, SocketMessage, Watched};

use super::grid::{Grid, Grids};
use super::rtt::RttSamples;

/// A live flow.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) flow: Flow,
    /// Polled by exact get on the watched grid; otherwise by dump on the other.
    pub(super) is_watched: bool,
    /// The last dump that showed it.
    pub(super) seen_in_dump: u64,
    /// When a poll first did not find it; it waits for its destroy event.
    pub(super) vanished: Option<Moment>,
    /// Index on its grid up to which polls are done or counted as missed.
    accounted: u64,
    watched: Option<Watched>,
    last_reply: Option<Moment>,
    last_saved: Option<Polled>,
    polls: Polls,
    unchanged_before: u64,
    missed_before: u64,
    rows: u64,
    rtt: RttSamples,
}

#[derive(Debug, Default)]
struct Polls {
    done: u64,
    unchanged: u64,
    missed: u64,
    longest_gap_us: Option<u64>,
}

impl Tracked {
    /// A flow first seen at `opened`; polls up to `accounted` are none of its own.
    pub(super) fn new(flow: Flow, accounted: u64) -> Self {
        Self {
            flow,
            is_watched: false,
            seen_in_dump: 0,
            vanished: None,
            accounted,
            watched: None,
            last_reply: None,
            last_saved: None,
            polls: Polls::default(),
            unchanged_before: 0,
            missed_before: 0,
            rows: 0,
            rtt: RttSamples::new(),
        }
    }

    /// Moves to the watched grid: its instants after `since` are due.  Returns
    /// how many polls were missed before that.
    pub(super) fn watch(&mut self, since: Moment, grids: &Grids) -> u64 {
        if self.is_watched {
            return 0;
        }
        let missed = self.miss_until(since, &grids.other);
        self.is_watched = true;
        self.accounted = grids.watched.index_at(since.monotonic_ns);
        self.watched = Some(Watched {
            since,
            elapsed_us: 0,
            poll_no: self.polls.done + self.polls.missed,
            polls_done: 0,
            polls_missed: 0,
        });
        missed
    }

    /// Moves back to the other grid.  Returns how many polls were missed.
    pub(super) fn unwatch(&mut self, until: Moment, grids: &Grids) -> u64 {
        if !self.is_watched {
            return 0;
        }
        let missed = self.end(until, grids);
        self.is_watched = false;
        self.accounted = grids.other.index_at(until.monotonic_ns);
        missed
    }

    /// Its time on its grid is over.  Returns how many polls were missed.
    pub(super) fn end(&mut self, until: Moment, grids: &Grids) -> u64 {
        let missed = self.miss_until(until, grids.of(self.is_watched));
        if let Some(watched) = self.watched.as_mut().filter(|_| self.is_watched) {
            let last_instant_ns = grids.watched.instant_ns(self.accounted);
            let end_ns = if self.vanished.is_some() {
                last_instant_ns
            } else {
                // A poll that was made before the sampler heard of the end counts.
                until.monotonic_ns.max(last_instant_ns)
            };
            watched.elapsed_us = end_ns.saturating_sub(watched.since.monotonic_ns) / 1_000;
        }
        missed
    }

    /// Whether the poll of this instant is done or counted as missed.
    pub(super) fn is_accounted(&self, index: u64) -> bool {
        index <= self.accounted
    }

    /// Counts the instants up to `moment` as missed, while there is something to poll.
    fn miss_until(&mut self, moment: Moment, grid: &Grid) -> u64 {
        if self.vanished.is_some() {
            0
        } else {
            self.miss_through(grid.index_at(moment.monotonic_ns))
        }
    }

    /// Counts the instants up to and including `index` as missed.
    pub(super) fn miss_through(&mut self, index: u64) -> u64 {
        let missed = index.saturating_sub(self.accounted);
        self.accounted = self.accounted.max(index);
        self.polls.missed += missed;
        self.missed_before += missed;
        if let Some(watched) = self.watched.as_mut().filter(|_| self.is_watched) {
            watched.polls_missed += missed;
        }
        missed
    }

    /// Takes in the answer to the poll of the instant `index`, and saves a row
    /// if it shows something new.  Returns how many polls were missed before it.
    pub(super) fn polled(
        &mut self,
        index: u64,
        request: Moment,
        reply: Moment,
        message: SocketMessage,
        recorder: &mut dyn Recorder,
    ) -> u64 {
        let missed = self.miss_through(index.saturating_sub(1));
        self.accounted = index;
        let poll_no = self.polls.done + self.polls.missed;
        self.polls.done += 1;
        if let Some(watched) = self.watched.as_mut().filter(|_| self.is_watched) {
            watched.polls_done += 1;
        }
        if let Some(previous) = self.last_reply.replace(reply) {
            let gap = Some(reply.since_us(previous));
            self.polls.longest_gap_us = self.polls.longest_gap_us.max(gap);
        }
        // 0 means that the kernel has no sample yet (tcp_get_info: srtt_us >> 3).
        let rtt = message.tcp_info.as_ref().and_then(TcpInfo::rtt_us).filter(|rtt| *rtt > 0);
        if let Some(rtt_us) = rtt {
            self.rtt.push(rtt_us as u32);
        }
        // The dump or the event knows the family and the interface; a key made
        // from addresses may not.
        self.flow.key = message.key;
        let unchanged =
            self.last_saved.as_ref().is_some_and(|last| !message.changed_since(&last.message));
        if unchanged {
            self.polls.unchanged += 1;
            self.unchanged_before += 1;
            return missed;
        }
        let polled = Polled {
            n: self.rows,
            poll_no,
            request_time: request.wall_us,
            reply_time: reply.wall_us,
            elapsed_us: reply.since_us(self.flow.opened),
            unchanged_before: std::mem::take(&mut self.unchanged_before),
            missed_before: std::mem::take(&mut self.missed_before),
            message,
        };
        self.rows += 1;
        recorder.snapshot(&self.flow, &polled);
        // A mini-socket is seen once, and has nothing that a closed flow lacks.
        if polled.message.tcp_info.is_some() || self.last_saved.is_none() {
            self.last_saved = Some(polled);
        }
        missed
    }

    /// The flow is over; `last_word` is its destroy event.
    pub(super) fn close(mut self, closed: Moment, last_word: Option<TcpInfo>) -> Closed {
        let last_polled = self.last_saved.filter(|polled| polled.message.tcp_info.is_some());
        let last_info = last_polled.as_ref().and_then(|polled| polled.message.tcp_info.as_ref());
        let last_word = last_word.filter(|info| last_info.is_none_or(|last| !reset(last, info)));
        let (final_counters, final_from) = match (last_word, last_info) {
            (Some(info), _) => (Some(info), FinalFrom::Destroy),
            (None, Some(info)) => (Some(info.clone()), FinalFrom::LastPoll),
            (None, None) => (None, FinalFrom::None),
        };
        Closed {
            flow: self.flow,
            closed,
            last_polled,
            final_counters,
            final_from,
            polls_done: self.polls.done,
            polls_unchanged: self.polls.unchanged,
            polls_missed: self.polls.missed,
            watched: self.watched,
            longest_gap_us: self.polls.longest_gap_us,
            rtt: self.rtt.summary(),
        }
    }
}

/// Whether the kernel reset the counters before it reported them, as
/// `tcp_disconnect` does for a socket closed with a linger time of 0.
fn reset(last: &TcpInfo, word: &TcpInfo) -> bool {
    word.bytes_acked() < last.bytes_acked() || word.bytes_received() < last.bytes_received()
}
