//! One trace: answers and the passing of time in, probes out.

mod record;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use crate::lattice::{End, Lattice, Outcome};
use crate::planner::{Planner, Sweep, Wanted};
use crate::repeat::Balancing;
use crate::settings::{Settings, Strategy};
use crate::{Flow, Path, Probe, ProbeId, Purpose, Reply, ReplyKind, StoppingPoints};
pub(crate) use record::Record;

/// Answers and losses after which there is a sweep in any case.
const MOST_NEWS: usize = 8;
/// Path changes that a trace puts up with.
const MAX_PATH_CHANGES: u8 = 3;

/// Why a trace has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Every branch leads to the destination.
    Completed,
    /// A branch ended in as many silent hops as the gap limit allows.
    GapLimit,
    /// A branch ended in Destination Unreachable.
    Unreachable,
    /// A branch came back to where it had been.
    Loop,
    /// A branch goes on beyond the largest time to live.
    HopLimit,
    /// All probes were sent.
    ProbeBudget,
    /// The time is over.
    TimeBudget,
    /// The path changed again and again.
    Unstable,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This probe is to be sent; it counts as sent now.
    Send(Probe),
    /// Nothing is to be sent before an answer comes or this time.
    Wait {
        /// On the clock of the caller.
        until: Duration,
    },
    /// The trace is over.
    Done(StopReason),
}

/// A trace to one destination.
///
/// Times are those of one monotonic clock, since a moment that the caller
/// chooses.  Call [`Trace::next`] until it says to wait, tell answers by
/// [`Trace::on_reply`] as they come, and call [`Trace::on_timeout`] at the time
/// that it names.
#[derive(Debug)]
pub struct Trace {
    settings: Settings,
    start: Duration,
    points: StoppingPoints,
    lattice: Lattice,
    records: Vec<Record>,
    addresses: Vec<IpAddr>,
    /// Probes on their way, oldest first, and some that were answered since.
    outstanding: VecDeque<u16>,
    wanted: VecDeque<Wanted>,
    /// Probes on their way.
    in_flight: usize,
    /// The probe that was given last, while it may be withdrawn.
    last: Option<Given>,
    /// Answers and losses since the last sweep.
    news: usize,
    path_changes: u8,
    ignored_replies: u32,
    stop: Option<StopReason>,
}

/// A probe that was given, and what it changed.
#[derive(Debug, Clone, Copy)]
struct Given {
    wanted: Wanted,
    /// Where it was listed.
    index: usize,
    outcome: Outcome,
    earliest: Duration,
}

impl Trace {
    /// A trace that starts now.
    pub fn new(settings: Settings, now: Duration) -> Self {
        Self {
            start: now,
            points: StoppingPoints::new(settings.failure_probability.per_vertex()),
            lattice: Lattice::new(),
            records: Vec::new(),
            addresses: Vec::new(),
            outstanding: VecDeque::new(),
            wanted: VecDeque::new(),
            in_flight: 0,
            last: None,
            news: MOST_NEWS,
            path_changes: 0,
            ignored_replies: 0,
            stop: None,
            settings,
        }
    }

    /// What to do now.
    pub fn next(&mut self, now: Duration) -> Next {
        self.last = None;
        let deadline = self.start + self.settings.max_duration;
        if self.stop.is_none() && now >= deadline {
            self.stop = Some(StopReason::TimeBudget);
        }
        // What is listed stays right, so a sweep may wait for a share of what is
        // to come: its cost grows with the flows, and so does their number.
        let share = (self.in_flight + self.wanted.len()) / MOST_NEWS;
        if self.stop.is_none() && self.news > share.min(MOST_NEWS - 1) {
            self.sweep();
        }
        if let Some(reason) = self.stop {
            return Next::Done(reason);
        }
        let mut until = deadline;
        if let Some(&oldest) = self.outstanding.front() {
            until = until.min(self.expiry(oldest));
        }
        if self.wanted.is_empty() || self.records.len() < usize::from(self.settings.max_probes) {
            let earliest =
                |wanted: &Wanted| self.lattice.hop(usize::from(wanted.ttl)).pace.earliest;
            let may_go = |wanted: &Wanted| earliest(wanted) <= now && !self.is_busy(wanted.flow);
            if let Some(index) = self.wanted.iter().position(may_go) {
                return Next::Send(self.send(index, now));
            }
            let idle = self.wanted.iter().filter(|wanted| !self.is_busy(wanted.flow));
            let paced = idle.map(earliest).min();
            return Next::Wait { until: until.min(paced.unwrap_or(until)) };
        }
        if self.in_flight == 0 {
            self.stop = Some(StopReason::ProbeBudget);
            return Next::Done(StopReason::ProbeBudget);
        }
        Next::Wait { until }
    }

    /// Whether the flow has to wait for the end of a probe that is on its way.
    fn is_busy(&self, flow: u16) -> bool {
        let is_its = |id: &u16| {
            let record = &self.records[usize::from(*id)];
            record.flow == flow && !record.is_answered()
        };
        self.settings.one_probe_per_flow && self.outstanding.iter().any(is_its)
    }

    fn sweep(&mut self) {
        self.news = 0;
        let sweep = Planner {
            settings: &self.settings,
            points: &mut self.points,
            lattice: &mut self.lattice,
            wanted: &mut self.wanted,
        }
        .sweep();
        match sweep {
            Sweep::Open => {}
            Sweep::Finished => self.stop = Some(self.why_finished()),
            Sweep::HopLimit => self.stop = Some(StopReason::HopLimit),
            Sweep::PathChanged => {
                self.change_path();
                if self.stop.is_none() {
                    self.sweep();
                }
            }
        }
    }

    fn change_path(&mut self) {
        self.path_changes += 1;
        self.lattice.restart();
        self.wanted.clear();
        self.news = MOST_NEWS;
        if self.path_changes > MAX_PATH_CHANGES {
            self.stop = Some(StopReason::Unstable);
        }
    }

    /// The worst end of any branch.
    fn why_finished(&self) -> StopReason {
        let hops = (1..self.lattice.len()).map(|ttl| self.lattice.hop(ttl));
        let ends = hops.flat_map(|hop| {
            hop.present().filter_map(|vertex| hop.vertices[usize::from(vertex)].end)
        });
        let ends: Vec<End> = ends.collect();
        let has = |wanted: fn(&End) -> bool| ends.iter().any(wanted);
        if has(|end| *end == End::Silence) {
            StopReason::GapLimit
        } else if has(|end| *end == End::Loop) {
            StopReason::Loop
        } else if has(|end| matches!(end, End::Unreachable(_))) {
            StopReason::Unreachable
        } else {
            StopReason::Completed
        }
    }

    fn send(&mut self, index: usize, now: Duration) -> Probe {
        let wanted = self.wanted.remove(index).expect("the index of a wanted probe");
        let ttl = usize::from(wanted.ttl);
        let outcome = self.lattice.outcome(ttl, wanted.flow);
        let hop = self.lattice.hop_mut(ttl);
        let earliest = hop.pace.earliest;
        self.last = Some(Given { wanted, index, outcome, earliest });
        let level = hop.pace.level();
        hop.pace.on_send(now, self.settings.rate_per_s);
        hop.in_flight += 1;
        let epoch = hop.epoch;
        match wanted.purpose {
            Purpose::Discovery => self.lattice.send(ttl, wanted.flow),
            Purpose::PerPacketTest => {
                if let Some(test) = self.test(ttl, wanted.vertex) {
                    test.on_send();
                }
            }
            Purpose::PathCheck => {}
        }
        let id = self.records.len() as u16;
        self.records.push(Record::new(wanted, level, epoch, now.saturating_sub(self.start)));
        self.outstanding.push_back(id);
        self.in_flight += 1;
        Probe { id: ProbeId(id), ttl: wanted.ttl, flow: Flow(wanted.flow) }
    }

    /// The probe that the last call, [`Trace::next`], gave could not be sent: all is as
    /// if it had not been given.  Does nothing after any other call.
    pub fn withdraw(&mut self) {
        let Some(given) = self.last.take() else { return };
        let Given { wanted, index, outcome, earliest } = given;
        let ttl = usize::from(wanted.ttl);
        self.records.pop();
        self.outstanding.pop_back();
        self.in_flight -= 1;
        let hop = self.lattice.hop_mut(ttl);
        hop.in_flight -= 1;
        hop.pace.earliest = earliest;
        match wanted.purpose {
            Purpose::Discovery => self.lattice.hop_mut(ttl).set(wanted.flow, outcome),
            Purpose::PerPacketTest => {
                if let Some(test) = self.test(ttl, wanted.vertex) {
                    test.on_withdrawal();
                }
            }
            Purpose::PathCheck => {}
        }
        self.wanted.insert(index, wanted);
    }

    fn test(&mut self, ttl: usize, vertex: u16) -> Option<&mut crate::repeat::RepeatTest> {
        let vertex = self.lattice.hop_mut(ttl - 1).vertices.get_mut(usize::from(vertex))?;
        match &mut vertex.balancing {
            Balancing::Testing(test) => Some(test),
            _ => None,
        }
    }

    fn expiry(&self, id: u16) -> Duration {
        let sent = self.start + self.records[usize::from(id)].sent();
        sent + self.settings.reply_timeout
    }

    /// Time has passed: probes that are too old are lost.
    pub fn on_timeout(&mut self, now: Duration) {
        self.last = None;
        while let Some(&oldest) = self.outstanding.front() {
            let record = &mut self.records[usize::from(oldest)];
            let is_due = self.start + record.sent() + self.settings.reply_timeout <= now;
            if !record.is_answered() && !is_due {
                return;
            }
            self.outstanding.pop_front();
            if !record.is_answered() {
                record.is_lost = true;
                let record = *record;
                self.in_flight -= 1;
                self.lose(record);
            }
        }
    }

    fn lose(&mut self, record: Record) {
        let ttl = usize::from(record.ttl);
        let hop = self.lattice.hop_mut(ttl);
        let is_excused = hop.pace.on_loss(record.level);
        if record.epoch != hop.epoch {
            return;
        }
        hop.in_flight -= 1;
        if let (Purpose::Discovery, Outcome::Pending(before)) =
            (record.purpose, hop.outcome(record.flow))
        {
            hop.set(record.flow, Outcome::Lost(before + 1));
        }
        if is_excused {
            hop.excuse_losses();
        }
        if record.purpose == Purpose::PerPacketTest
            && let Some(test) = self.test(ttl, record.vertex)
        {
            test.on_loss();
        }
        self.learned(ttl);
    }

    fn learned(&mut self, ttl: usize) {
        self.lattice.reopen(ttl);
        self.news += 1;
    }

    /// An answer has come.  False if it is of no use: no such probe was sent,
    /// or it has its answer.
    pub fn on_reply(&mut self, id: ProbeId, reply: &Reply, now: Duration) -> bool {
        self.last = None;
        let index = usize::from(id.0);
        let is_awaited = self.records.get(index).is_some_and(|record| !record.is_answered());
        if self.stop.is_some() || !is_awaited {
            self.ignored_replies += 1;
            return false;
        }
        let address = self.address(reply.from);
        let received = now.saturating_sub(self.start);
        let record = &mut self.records[index];
        record.answer(address, reply.kind, received);
        let record = *record;
        let hop = self.lattice.hop_mut(usize::from(record.ttl));
        if !record.is_lost {
            self.in_flight -= 1;
            hop.pace.on_answer(record.level);
        }
        if record.epoch == hop.epoch {
            hop.in_flight -= u16::from(!record.is_lost);
            self.place(record, address, reply);
        }
        let is_answered = |id: &u16| self.records[usize::from(*id)].is_answered();
        while self.outstanding.front().is_some_and(is_answered) {
            self.outstanding.pop_front();
        }
        true
    }

    fn place(&mut self, record: Record, address: u16, reply: &Reply) {
        let ttl = usize::from(record.ttl);
        let hop = self.lattice.hop_mut(ttl);
        let vertex = hop.answering(address);
        let known = &mut hop.vertices[usize::from(vertex)];
        known.answers += 1;
        if known.labels.is_empty() {
            known.labels.clone_from(&reply.labels);
        }
        hop.answers += 1;
        self.learned(ttl);
        match record.purpose {
            Purpose::Discovery => self.discover(ttl, record.flow, vertex, reply.kind),
            Purpose::PerPacketTest => {
                if let Some(test) = self.test(ttl, record.vertex) {
                    test.on_answer(vertex);
                }
            }
            Purpose::PathCheck => {
                let sought = &self.lattice.hop(ttl).vertices[usize::from(record.vertex)];
                if sought.address.is_none() {
                    // It was not silent after all.
                    self.discover(ttl, record.flow, vertex, reply.kind);
                } else if vertex != record.vertex {
                    self.change_path();
                }
            }
        }
    }

    fn discover(&mut self, ttl: usize, flow: u16, vertex: u16, kind: ReplyKind) {
        let hop = self.lattice.hop_mut(ttl);
        if let Outcome::At(known) = hop.outcome(flow)
            && hop.vertices[usize::from(known)].address.is_some()
        {
            // The answers to both of two attempts came after all.
            return;
        }
        hop.answered_flows += 1;
        hop.set(flow, Outcome::At(vertex));
        let answered = hop.answered_flows;
        let known = &mut hop.vertices[usize::from(vertex)];
        known.last_found = answered;
        let Some(address) = known.address else { return };
        let end = match kind {
            ReplyKind::Destination => Some(End::Destination),
            ReplyKind::Unreachable(code) => Some(End::Unreachable(code)),
            ReplyKind::TimeExceeded => {
                self.lattice.is_loop(ttl, flow, address).then_some(End::Loop)
            }
        };
        if let Some(end) = end {
            self.lattice.hop_mut(ttl).vertices[usize::from(vertex)].end = Some(end);
            self.lattice.end_flow(ttl, flow);
        }
    }

    fn address(&mut self, address: IpAddr) -> u16 {
        let known = self.addresses.iter().position(|known| *known == address);
        known.unwrap_or_else(|| {
            self.addresses.push(address);
            self.addresses.len() - 1
        }) as u16
    }

    /// Why it stopped, if it has.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop
    }

    /// What is known of the path; at any time, also before the trace is over.
    pub fn path(&self) -> Path {
        crate::path::build(self)
    }

    pub(crate) fn strategy(&self) -> Strategy {
        self.settings.strategy
    }

    pub(crate) fn reply_timeout(&self) -> Duration {
        self.settings.reply_timeout
    }

    pub(crate) fn failure_probability(&self) -> f64 {
        self.points.failure_probability()
    }

    pub(crate) fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn address_of(&self, address: u16) -> IpAddr {
        self.addresses[usize::from(address)]
    }

    pub(crate) fn rate_per_s(&self) -> u32 {
        self.settings.rate_per_s
    }

    pub(crate) fn path_changes(&self) -> u8 {
        self.path_changes
    }

    pub(crate) fn ignored_replies(&self) -> u32 {
        self.ignored_replies
    }
}

#[cfg(test)]
mod tests;
