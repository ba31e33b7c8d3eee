//! What is seen of a fleet.
//!
//! It may be stale, each part by another amount: whatever rests on it is fenced
//! when it is carried out ([`crate::Fence`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::{Ledger, Revision, Time};

/// All that is seen of a fleet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// By name: nodes that the fleet's selector matches, that carry a label or a
    /// pod of it or are claimed, and those of its `MeasurementNode`s whose node is gone.
    pub nodes: BTreeMap<String, Arc<Node>>,
    /// Revisions of this fleet that can be assigned.
    pub revisions: BTreeMap<Revision, RevisionRecord>,
    /// What was decided so far.
    pub ledger: Ledger,
    /// `metadata.resourceVersion` of the object that holds the ledger; empty as
    /// long as there is none.
    pub ledger_version: String,
    /// A collector takes rows.
    pub is_collector_up: bool,
}

/// What is kept of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// `metadata.creationTimestamp`.
    pub created_at: Time,
    /// When every wave had passed, from its annotation `promotedAt`: the last one
    /// promoted is the stable one.
    pub promoted_at: Option<Time>,
    /// Its DaemonSet exists.
    pub has_daemon_set: bool,
    /// What the namespace said against its pod, by a dry run.
    pub refusal: Option<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `metadata.uid`: another one under the same name is another node.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub version: String,
    /// The fleet's `nodeSelector` matches it.
    pub is_selected: bool,
    /// Whether it is there.
    pub presence: Presence,
    /// `lastTransitionTime` of condition `Ready`, where that is true.
    pub ready_since: Option<Time>,
    /// `spec.unschedulable`.
    pub is_cordoned: bool,
    /// The value of our label, of whatever fleet.
    pub label: Option<Revision>,
    /// The value of the label that the fleet names as its site.
    pub site: Option<String>,
    /// `status.nodeInfo.kernelVersion`.
    pub kernel: Option<String>,
    /// Names of the waves whose selector matches it.
    pub waves: BTreeSet<String>,
    /// Its `MeasurementNode`.
    pub record: Option<NodeRecord>,
    /// Every pod of the fleet on it, of whatever revision, that is not gone.
    pub pods: Vec<Pod>,
}

/// Whether a node is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Condition `Ready` is true.
    Ready,
    /// It is false or unknown.
    NotReady,
    /// There is no such node any more.
    Vanished {
        /// Since when, by its `MeasurementNode`.
        since: Time,
    },
}

/// What a `MeasurementNode` holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NodeRecord {
    /// `spec.nodeUid`: the node that the rest is about.
    pub uid: String,
    /// `spec.assignedRevision`: the last one that was assigned.  It stays while the
    /// node is empty, so a node that had a station is told from a new one.
    pub assigned: Option<Revision>,
    /// `spec.drain`.
    pub maintenance: Option<Maintenance>,
    /// `status.facts`.
    pub facts: Option<Facts>,
    /// Probe pods on this node, by revision: those that run, and the last one that
    /// ended.
    pub probes: BTreeMap<Revision, Probe>,
    /// `status.lastDrain`.
    pub last_drain: Option<LastDrain>,
}

/// A person took the node out of service: `trigpoint fleet drain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maintenance {
    /// Why.
    pub reason: String,
}

/// What a probe pod found out about a node, of which a pod may not be able to
/// find out all: what is not known is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// When.
    pub measured_at: Time,
    /// Congestion controls that a socket could choose.
    pub congestion_controls: Option<BTreeSet<String>>,
    /// Of the clock against its reference.
    pub clock_offset_micros: Option<i64>,
    /// IPv4 reaches the collector and an outside peer.
    pub ipv4: Option<bool>,
    /// IPv6 does.
    pub ipv6: Option<bool>,
    /// In the words of `systemd-detect-virt`; `none` is bare metal.
    pub virtualization: Option<String>,
    /// Of the fastest link.
    pub link_mbps: Option<u64>,
    /// `none` or `static`.
    pub cpu_manager_policy: Option<String>,
    /// The station sees its clients' own addresses.  Known only once a station
    /// ran here, so not knowing it is held against nobody.
    pub keeps_client_address: Option<bool>,
}

/// A probe pod: the revision's image with `--check-config` on this very node.
///
/// Its `activeDeadlineSeconds` is `spec.qualification.probeTimeout`, so each ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// When it was started, or ended.
    pub at: Time,
    /// How it went.
    pub outcome: ProbeOutcome,
}

/// How a probe went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// Not yet known.
    Running,
    /// The image starts here with the fleet's configuration.
    Passed,
    /// It does not.
    Failed {
        /// What the kubelet or the program said.
        message: String,
    },
}

/// `status.lastDrain`, as the last pod that left told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastDrain {
    /// When the pod was gone.
    pub at: Time,
    /// Rows that were neither acknowledged nor kept; `None` if nobody knows.
    pub unflushed_rows: Option<u64>,
}

/// A pod of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct Pod {
    /// `metadata.uid`.
    pub uid: String,
    /// The revision of its DaemonSet.
    pub revision: Revision,
    /// `metadata.creationTimestamp`.
    pub created_at: Time,
    /// `metadata.deletionTimestamp` is set.
    pub is_terminating: bool,
    /// Not bound to its node yet.
    pub is_unscheduled: bool,
    /// Condition `Ready`.
    pub readiness: Readiness,
    /// Why it does not start, where the kubelet gave up for now
    /// (`CrashLoopBackOff`, `ErrImagePull`, `CreateContainerConfigError`, …).
    pub failure: Option<String>,
    /// Of the oldest row in its spool that is not acknowledged, now; zero without
    /// one, `None` if it cannot be asked.
    pub spool_age: Option<Duration>,
    /// A test of it through the public path.
    pub self_test: SelfTest,
}

/// A pod's condition `Ready`, with its `lastTransitionTime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// True.
    Ready {
        /// Since then.
        since: Time,
    },
    /// Not true.
    NotReady {
        /// Since then.
        since: Time,
    },
}

/// How the test of a pod through the public path went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelfTest {
    /// None was made yet.
    NotRun,
    /// One is being made.
    Running,
    /// The last one passed.
    Passed,
    /// The last one did not.
    Failed {
        /// When.
        at: Time,
        /// What was wrong.
        message: String,
    },
}

impl Node {
    /// The record, if it is about this very node and not about an earlier one of
    /// the same name.
    pub(crate) fn own_record(&self) -> Option<&NodeRecord> {
        self.record.as_ref().filter(|record| record.uid == self.uid)
    }

    /// A person took it out of service: that holds for whatever has its name.
    pub(crate) fn maintenance(&self) -> Option<&Maintenance> {
        self.record.as_ref()?.maintenance.as_ref()
    }

    /// The revision that was last assigned to it.
    pub(crate) fn assigned(&self) -> Option<&Revision> {
        self.own_record()?.assigned.as_ref()
    }

    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.own_record()?.facts.as_ref()
    }

    pub(crate) fn probe(&self, revision: &Revision) -> Option<&Probe> {
        self.own_record()?.probes.get(revision)
    }

    /// It is there and may be given work.
    pub(crate) fn is_usable(&self) -> bool {
        self.presence == Presence::Ready && !self.is_cordoned
    }

    /// The one pod that serves, of the revision that the label names.
    pub(crate) fn ready_pod(&self) -> Option<&Pod> {
        let label = self.label.as_ref()?;
        self.pods.iter().find(|pod| {
            !pod.is_terminating
                && pod.revision == *label
                && matches!(pod.readiness, Readiness::Ready { .. })
        })
    }
}
