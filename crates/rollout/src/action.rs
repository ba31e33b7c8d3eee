//! What is to be done.

use crate::{Change, Ledger, Revision};

/// One thing to do, so that doing it twice, or too late, harms nothing.
///
/// They are carried out in order; whoever is refused one drops the rest and
/// plans again.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make the node's `MeasurementNode`, or, where it is about an earlier node of
    /// that name, make it about this one: facts, probes and assignment go, the
    /// maintenance stays.
    Register {
        /// The node's name.
        node: String,
        /// Its `metadata.uid`.
        uid: String,
    },
    /// Start a probe pod of that revision on that very node.
    Probe {
        /// The node's name.
        node: String,
        /// Its `metadata.uid`.
        uid: String,
        /// Whose image and configuration to try.
        revision: Revision,
    },
    /// Test a pod through the public path, from another node.
    SelfTest {
        /// The node's name.
        node: String,
        /// The pod's `metadata.uid`.
        pod: String,
    },
    /// Remove our label, so that the pod drains and ends.
    Release {
        /// The node's name.
        node: String,
        /// What must still hold.
        fence: Fence,
    },
    /// Write the revision into the `MeasurementNode`'s spec, then set our label.
    ///
    /// Before, list the fleet's pods on that node at the API server itself, not
    /// from a cache: if there is one, do neither.
    Assign {
        /// The node's name.
        node: String,
        /// What must still hold.
        fence: Fence,
        /// The value of the label.
        revision: Revision,
    },
    /// Make the DaemonSet of a revision.
    CreateDaemonSet {
        /// Which.
        revision: Revision,
    },
    /// Delete the DaemonSet of a revision that no node has or is to have, if no
    /// node carries its label.
    DeleteDaemonSet {
        /// Which.
        revision: Revision,
    },
    /// Delete a revision's record, behind the history limit, if no node carries its
    /// label and the fleet, read again just before, does not name it.
    DeleteRevision {
        /// Which.
        revision: Revision,
    },
    /// Measure a gate, and put the answer into the ledger with
    /// [`Ledger::record_measurement`].
    Measure {
        /// The gate's name.
        gate: String,
        /// The wave that it is for.
        wave: String,
        /// The revision that is judged.
        revision: Revision,
    },
    /// Stamp the revision as promoted: it is the stable one now.
    Promote {
        /// Which.
        revision: Revision,
    },
    /// Write the ledger, if it still has that version.
    Record {
        /// `metadata.resourceVersion` that was read; empty: there must be none.
        expected_version: String,
        /// What changes, for events and for people.
        changes: Vec<Change>,
        /// The ledger with these changes.
        ledger: Ledger,
    },
    /// The fleet has no label on any node any more: its finalizer may go.
    RemoveFinalizer,
}

/// What must still hold when a node's label is changed.  What the API server can
/// check in the same request must be checked there; a stale view, or a leader
/// that was stopped for a minute, then changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// `metadata.uid` of the node.
    pub uid: String,
    /// `metadata.resourceVersion` of the node.
    pub version: String,
    /// The label; `None`: it must be absent.
    pub label: Option<Revision>,
    /// The ledger's `metadata.resourceVersion`, read again just before.
    pub ledger_version: String,
}
