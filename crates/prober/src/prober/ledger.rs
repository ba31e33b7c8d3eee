//! The probes of one flow, and which of them an answer is for.

use crate::clock::Moment;
use crate::packet::Nonce;
use crate::{Ignored, Match, Probe};

/// Every probe of a flow for the flow's whole life, so that a copy of an answer, a late
/// one and a forged one are told apart.  They are few (a path's length times the tries),
/// and their number follows from what was sent, not from what comes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Entry>,
    waiting: usize,
}

/// A probe that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) probe: Probe,
    pub(super) before: Moment,
    pub(super) transmitted_ns: Option<u64>,
    nonce: Nonce,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Answered,
    Lost,
}

/// What an answer quotes of its probe, beyond the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clue {
    Nonce(Nonce),
    /// An echo request's sequence number, and not the payload.
    Sequence(u16),
    /// Perhaps the nonce: the answer is the target's own, and no quote.
    Perhaps(Nonce),
    /// Nothing, but the kernel has compared a sequence number, and a flow has one probe
    /// at a time.
    Compared,
    Nothing,
}

/// Why an answer is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    WrongNonce,
    Ambiguous,
    Duplicate,
    Late,
}

impl Reason {
    pub(super) fn count(self, ignored: &mut Ignored) {
        let counter = match self {
            Self::WrongNonce => &mut ignored.wrong_nonce,
            Self::Ambiguous => &mut ignored.ambiguous,
            Self::Duplicate => &mut ignored.duplicate,
            Self::Late => &mut ignored.late,
        };
        *counter += 1;
    }
}

impl Ledger {
    /// A nonce for the next probe; its sequence number is new in this flow as well.
    pub(super) fn new_nonce(&self) -> Nonce {
        // More probes than sequence numbers cannot be told apart by them anyway.
        let is_full = self.entries.len() > usize::from(u16::MAX / 2);
        loop {
            let nonce = Nonce(rand::random());
            let is_taken = |entry: &Entry| entry.nonce.sequence() == nonce.sequence();
            if is_full || !self.entries.iter().any(is_taken) {
                return nonce;
            }
        }
    }

    pub(super) fn sent(&mut self, probe: Probe, nonce: Nonce, before: Moment) {
        let state = State::Waiting;
        self.entries.push(Entry { probe, before, transmitted_ns: None, nonce, state });
        self.waiting += 1;
    }

    /// The kernel has stamped a probe as it left.
    pub(super) fn transmitted(&mut self, nonce: Nonce, stamp_ns: Option<u64>) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.nonce == nonce) {
            entry.transmitted_ns = stamp_ns;
        }
    }

    /// Whether a probe has neither been answered nor lost.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    /// The probe that an answer is for; it is answered from now on.
    pub(super) fn answered(&mut self, clue: Clue) -> Result<(Entry, Match), Reason> {
        let (at, matched) = match clue {
            Clue::Nonce(nonce) => (self.of_nonce(nonce).ok_or(Reason::WrongNonce)?, Match::Nonce),
            Clue::Sequence(sequence) => {
                let has = |entry: &Entry| entry.nonce.sequence() == sequence;
                let at = self.entries.iter().position(has);
                (at.ok_or(Reason::WrongNonce)?, Match::PortOnly)
            }
            Clue::Perhaps(nonce) => match self.of_nonce(nonce) {
                Some(at) => (at, Match::Nonce),
                None => (self.only()?, Match::PortOnly),
            },
            Clue::Compared => (self.only()?, Match::Nonce),
            Clue::Nothing => (self.only()?, Match::PortOnly),
        };
        let entry = &mut self.entries[at];
        match entry.state {
            State::Waiting => {
                entry.state = State::Answered;
                self.waiting -= 1;
                Ok((*entry, matched))
            }
            State::Answered => Err(Reason::Duplicate),
            State::Lost => Err(Reason::Late),
        }
    }

    fn of_nonce(&self, nonce: Nonce) -> Option<usize> {
        self.entries.iter().position(|entry| entry.nonce == nonce)
    }

    /// The one probe that waits.
    fn only(&self) -> Result<usize, Reason> {
        let at = self.entries.iter().position(|entry| entry.state == State::Waiting);
        at.filter(|_| self.waiting == 1).ok_or(Reason::Ambiguous)
    }

    /// A probe's time is over: the probe, unless it has been answered.
    pub(super) fn lost(&mut self, nonce: Nonce) -> Option<Probe> {
        let waits = |entry: &&mut Entry| entry.nonce == nonce && entry.state == State::Waiting;
        let entry = self.entries.iter_mut().find(waits)?;
        entry.state = State::Lost;
        self.waiting -= 1;
        Some(entry.probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(probes: u32) -> (Ledger, Vec<Nonce>) {
        let mut ledger = Ledger::default();
        let nonces = (0..probes)
            .map(|id| {
                let nonce = ledger.new_nonce();
                ledger.sent(Probe { ttl: 1, flow: 0, id }, nonce, Moment::now());
                nonce
            })
            .collect();
        (ledger, nonces)
    }

    fn id(outcome: Result<(Entry, Match), Reason>) -> (u32, Match) {
        let (entry, matched) = outcome.unwrap();
        (entry.probe.id, matched)
    }

    #[test]
    fn a_nonce_names_its_probe_once() {
        let (mut ledger, nonces) = ledger(3);
        assert_eq!(id(ledger.answered(Clue::Nonce(nonces[1]))), (1, Match::Nonce));
        let again = ledger.answered(Clue::Nonce(nonces[1])).unwrap_err();
        assert_eq!(again, Reason::Duplicate);
        let forged = Clue::Nonce(Nonce(nonces[0].0 ^ 1));
        assert_eq!(ledger.answered(forged).unwrap_err(), Reason::WrongNonce);
        assert_eq!(id(ledger.answered(Clue::Nonce(nonces[0]))), (0, Match::Nonce));
    }

    #[test]
    fn an_empty_quote_is_taken_only_while_one_probe_waits() {
        let (mut ledger, nonces) = ledger(2);
        assert_eq!(ledger.answered(Clue::Nothing).unwrap_err(), Reason::Ambiguous);
        assert_eq!(ledger.lost(nonces[0]).unwrap().id, 0);
        assert_eq!(id(ledger.answered(Clue::Nothing)), (1, Match::PortOnly));
        assert_eq!(ledger.answered(Clue::Nothing).unwrap_err(), Reason::Ambiguous);
    }

    #[test]
    fn a_sequence_number_tells_probes_apart_that_wait_together() {
        let (mut ledger, nonces) = ledger(2);
        let sequence = nonces[1].sequence();
        assert_eq!(id(ledger.answered(Clue::Sequence(sequence))), (1, Match::PortOnly));
        assert!(ledger.is_waiting());
    }

    #[test]
    fn an_answer_after_the_timeout_is_late_and_a_probe_is_lost_once() {
        let (mut ledger, nonces) = ledger(1);
        assert!(ledger.lost(nonces[0]).is_some());
        assert!(ledger.lost(nonces[0]).is_none());
        assert_eq!(ledger.answered(Clue::Nonce(nonces[0])).unwrap_err(), Reason::Late);
    }
}
