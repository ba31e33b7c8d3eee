//! One flow as the sampler keeps it: its polls, counted.

use trigpoint_tcpinfo::TcpInfo;

use crate::{Closed, FinalFrom, Flow, Moment, Polled, Recorder, SocketMessage};

use super::rtt::RttSamples;

/// A live flow.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) flow: Flow,
    /// Polled by exact get on the watched grid; otherwise by dump on the other.
    pub(super) watched: bool,
    /// The last dump that showed it.
    pub(super) seen_in_dump: u64,
    /// When a poll first did not find it; it waits for its destroy event.
    pub(super) vanished: Option<Moment>,
    /// Index on its grid up to which polls are done or counted as missed.
    accounted: u64,
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
    pub(super) fn new(flow: Flow, watched: bool, accounted: u64) -> Self {
        Self {
            flow,
            watched,
            seen_in_dump: 0,
            vanished: None,
            accounted,
            last_reply: None,
            last_saved: None,
            polls: Polls::default(),
            unchanged_before: 0,
            missed_before: 0,
            rows: 0,
            rtt: RttSamples::new(),
        }
    }

    /// Moves to the other grid, whose latest instant has the index `accounted`.
    pub(super) fn regrid(&mut self, watched: bool, accounted: u64) {
        self.watched = watched;
        self.accounted = accounted;
    }

    /// Whether the poll of this instant is done or counted as missed.
    pub(super) fn is_accounted(&self, index: u64) -> bool {
        index <= self.accounted
    }

    /// Counts the instants up to and including `index` as missed.
    pub(super) fn miss_through(&mut self, index: u64) -> u64 {
        let missed = index.saturating_sub(self.accounted);
        self.accounted = self.accounted.max(index);
        self.polls.missed += missed;
        self.missed_before += missed;
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
