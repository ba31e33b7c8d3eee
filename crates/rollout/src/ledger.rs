//! What was decided and cannot be observed.

use std::collections::BTreeMap;

use crate::{GateRecord, Reason, Revision, Time};

/// The decisions of a fleet that must outlive whoever took them: one object,
/// written as a whole and only over the version that was read, so that two
/// planners cannot both add a claim.
///
/// A fleet's status may be wiped without harm; the ledger may not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ledger {
    /// The rollout that goes on, or went on last.
    pub rollout: Option<Progress>,
    /// Nodes in flight, by name.
    pub claims: BTreeMap<String, Claim>,
    /// Nodes that failed in this rollout, one for each node and revision.
    pub failures: Vec<Failure>,
    /// Handoffs of this rollout in which rows were lost.
    pub rows_lost: Vec<RowsLost>,
    /// Gates of this rollout, one for each gate and wave.
    pub gates: Vec<GateRecord>,
}

/// How far a rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Where to.
    pub revision: Revision,
    /// Since when.
    pub started_at: Time,
    /// Names of the waves that are behind it.
    pub passed: Vec<String>,
}

/// The right to change a node's label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `metadata.uid` of the node.
    pub uid: String,
    /// What it had when it was claimed; `None`: it was empty.
    pub from: Option<Revision>,
    /// What it gets; `None`: it is to be empty.
    pub to: Option<Revision>,
    /// Since when it is on the way to `to`.
    pub since: Time,
    /// 1, and one more each time the claim was turned or renewed.
    pub attempt: u32,
}

/// A node failed with a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The node's name.
    pub node: String,
    /// What it failed with.
    pub revision: Revision,
    /// How.
    pub reason: Reason,
    /// What was seen.
    pub message: String,
    /// When it last did.
    pub at: Time,
    /// How often it did.
    pub count: u32,
}

/// A pod left with rows that nobody acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsLost {
    /// The node's name.
    pub node: String,
    /// How many.
    pub rows: u64,
    /// When that was decided on.
    pub at: Time,
}

/// A change of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A rollout starts; all but handoffs that go on is of the one before.
    Begin {
        /// Where to.
        revision: Revision,
    },
    /// A node is claimed.
    Claim {
        /// Its name.
        node: String,
        /// `metadata.uid`.
        uid: String,
        /// What it has.
        from: Option<Revision>,
        /// What it is to have.
        to: Option<Revision>,
    },
    /// A claimed node is to get another revision than it was claimed for.
    Turn {
        /// Its name.
        node: String,
        /// What it is to have.
        to: Revision,
    },
    /// A node that was lost is back, and has its full time again.
    Renew {
        /// Its name.
        node: String,
    },
    /// A claim ends.
    Unclaim {
        /// The node's name.
        node: String,
        /// Why.
        reason: Reason,
    },
    /// A node failed.
    Fail {
        /// Its name.
        node: String,
        /// With what.
        revision: Revision,
        /// How.
        reason: Reason,
        /// What was seen.
        message: String,
    },
    /// Rows were lost in a handoff.
    LoseRows {
        /// The node's name.
        node: String,
        /// How many.
        rows: u64,
    },
    /// A wave is behind the rollout.
    PassWave {
        /// Its name.
        wave: String,
    },
}

impl Ledger {
    /// Carries out one change.
    pub fn apply(&mut self, change: &Change, now: Time) {
        match change.clone() {
            Change::Begin { revision } => {
                let claims = std::mem::take(&mut self.claims);
                let rollout = Progress { revision, started_at: now, passed: Vec::new() };
                // Of a handoff that goes on, or its rows would be counted again.
                let mut rows_lost = std::mem::take(&mut self.rows_lost);
                rows_lost.retain(|lost| claims.contains_key(&lost.node));
                *self = Self { rollout: Some(rollout), claims, rows_lost, ..Self::default() };
            }
            Change::Claim { node, uid, from, to } => {
                self.claims.insert(node, Claim { uid, from, to, since: now, attempt: 1 });
            }
            Change::Turn { node, to } => {
                if let Some(claim) = self.claims.get_mut(&node) {
                    claim.to = Some(to);
                    claim.since = now;
                    claim.attempt += 1;
                }
            }
            Change::Renew { node } => {
                if let Some(claim) = self.claims.get_mut(&node) {
                    claim.since = now;
                    claim.attempt += 1;
                }
            }
            Change::Unclaim { node, .. } => {
                self.claims.remove(&node);
            }
            Change::Fail { node, revision, reason, message } => {
                let is_same =
                    |failure: &Failure| failure.node == node && failure.revision == revision;
                let before = self.failures.iter().position(is_same);
                let count = before.map_or(0, |index| self.failures.remove(index).count) + 1;
                self.failures.push(Failure { node, revision, reason, message, at: now, count });
            }
            Change::LoseRows { node, rows } => {
                self.rows_lost.retain(|lost| lost.node != node);
                self.rows_lost.push(RowsLost { node, rows, at: now });
            }
            Change::PassWave { wave } => {
                if let Some(rollout) = &mut self.rollout {
                    rollout.passed.push(wave);
                }
            }
        }
    }

    /// Whether the rollout has passed that wave.
    pub(crate) fn has_passed(&self, wave: &str) -> bool {
        self.rollout.as_ref().is_some_and(|rollout| rollout.passed.iter().any(|name| name == wave))
    }

    /// The failure of a node with a revision, unless a person said `resume` since.
    pub(crate) fn failure(
        &self,
        node: &str,
        revision: &Revision,
        resumed_at: Option<Time>,
    ) -> Option<&Failure> {
        self.failures.iter().find(|failure| {
            failure.node == node && failure.revision == *revision && counts(failure.at, resumed_at)
        })
    }

    /// All failures with a revision that count.
    pub(crate) fn failures_with<'a>(
        &'a self,
        revision: &'a Revision,
        resumed_at: Option<Time>,
    ) -> impl Iterator<Item = &'a Failure> {
        self.failures
            .iter()
            .filter(move |failure| failure.revision == *revision && counts(failure.at, resumed_at))
    }

    /// Lost rows that count.
    pub(crate) fn rows_lost_since(&self, resumed_at: Option<Time>) -> u64 {
        self.rows_lost.iter().filter(|lost| counts(lost.at, resumed_at)).map(|lost| lost.rows).sum()
    }
}

/// Whether what happened then still stops a rollout.
pub(crate) fn counts(at: Time, resumed_at: Option<Time>) -> bool {
    resumed_at.is_none_or(|resumed_at| at > resumed_at)
}
