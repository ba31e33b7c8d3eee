//! What a person wants of a fleet.

use std::time::Duration;

use crate::{Revision, Time, Window};

/// A fleet as a person wants it: the `MeasurementFleet` without what the planner
/// does not need.  Names follow its `spec`.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// `metadata.name`.
    pub fleet: String,
    /// `metadata.deletionTimestamp` is set.
    pub is_deleted: bool,
    /// The revision that `spec.template`, `network`, `privilege` and `drain`
    /// render to now.
    pub newest: Revision,
    /// `spec.revision`: stay on, or go back to, this one instead of the newest.
    pub revision: Option<Revision>,
    /// The sum of `spec.drain`: from the request to end a pod to its end, at most.
    pub drain_grace: Duration,
    /// `spec.qualification`.
    pub qualification: Qualification,
    /// `spec.rollout`.
    pub rollout: Rollout,
    /// `spec.gates`; their names are unique.
    pub gates: Vec<Gate>,
    /// `spec.revisionHistoryLimit`: revisions that no node uses and that are kept
    /// to go back to.
    pub revision_history_limit: usize,
}

impl Desired {
    /// The revision that the fleet is to reach.
    pub fn target(&self) -> &Revision {
        self.revision.as_ref().unwrap_or(&self.newest)
    }

    /// The longest that a handoff may take before it is lost or failed.
    pub(crate) fn handoff_deadline(&self) -> Duration {
        self.drain_grace + self.rollout.node_deadline
    }

    /// Whether that label value is one of this fleet's revisions.
    pub(crate) fn owns(&self, revision: &Revision) -> bool {
        revision.fleet() == self.fleet
    }
}

/// `spec.qualification`: what a node must be able to do.  A rule that is absent
/// is not asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Qualification {
    /// The oldest kernel, `major.minor` or `major.minor.patch`.
    pub min_kernel: Option<String>,
    /// Congestion controls that a socket must be able to choose.
    pub require_congestion_control: Vec<String>,
    /// Of the clock against its reference, in either direction, at most.
    pub max_clock_offset: Option<Duration>,
    /// Both families must reach the collector and an outside peer.
    pub require_dual_stack: bool,
    /// What the node may be virtualised by.
    pub virtualization: Virtualization,
    /// Of the fastest link, at least.
    pub min_link_mbps: Option<u64>,
    /// The kubelet's CPU manager must have policy `static`.
    pub require_static_cpu: bool,
    /// Facts older than this are found out again; `None`: never.
    pub recheck: Option<Duration>,
    /// What becomes of a node that does not qualify.
    pub on_fail: OnFail,
}

/// `spec.qualification.virtualization`, in the words of `systemd-detect-virt`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Virtualization {
    /// Not asked.
    #[default]
    Any,
    /// `none`.
    BareMetalOnly,
    /// `none`, or one of these.
    AllowList(Vec<String>),
}

/// `spec.qualification.onFail`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFail {
    /// It gets no pod; one that runs is taken away, as far as
    /// [`Rollout::max_unavailable`] allows.
    #[default]
    Exclude,
    /// It is used all the same, and says so.
    Warn,
    /// It gets no pod; one that runs stays as it is.
    Hold,
}

/// `spec.rollout`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// In order; their names are unique, percentages rise, the last is 100.
    pub waves: Vec<Wave>,
    /// Of qualified nodes that are in flight, failed or otherwise without a ready
    /// pod on a ready node.
    pub max_unavailable: Limit,
    /// Of stations whose node is not ready or vanished; above it the fleet pauses.
    pub max_lost: Limit,
    /// Nodes that may fail before the rollout stops.
    pub failure_budget: u32,
    /// What happens then.
    pub on_failure: OnFailure,
    /// How long a handoff may take beyond [`Desired::drain_grace`].
    pub node_deadline: Duration,
    /// How long a pod must have been ready.
    pub min_ready: Duration,
    /// A test through the public path is part of verifying a station.
    pub requires_self_test: bool,
    /// Stations of one site in flight, at most.
    pub max_parallel_per_site: usize,
    /// When nodes may be taken for a new revision; empty: always.
    pub windows: Vec<Window>,
    /// No new claim; what is in flight is finished.
    pub paused: bool,
    /// `skipGates.reason`: gates are not asked.
    pub skip_gates: Option<String>,
    /// What `trigpoint fleet approve` said.
    pub approvals: Vec<Approval>,
    /// When `trigpoint fleet resume` was last said: failures, lost rows and gate
    /// verdicts of before stop the rollout no longer, and failed nodes are tried
    /// again.
    pub resumed_at: Option<Time>,
}

/// One of `spec.rollout.waves`.
#[derive(Debug, Clone, PartialEq)]
pub struct Wave {
    /// Unique.
    pub name: String,
    /// Who belongs to it.
    pub nodes: WaveNodes,
    /// Nodes in flight, at most.
    pub max_parallel: usize,
    /// How long all of its stations must have been ready on the new revision.
    pub bake: Duration,
    /// Names of [`Desired::gates`] that must pass after that.
    pub gates: Vec<String>,
    /// Whether a person must say yes.
    pub approval: Approve,
}

/// Who belongs to a wave, beside all who belonged to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaveNodes {
    /// That much of the qualified nodes, counted from the first wave, rounded up.
    Percent(u8),
    /// Those for which [`Node::waves`](crate::Node::waves) holds its name.
    Selected,
}

/// `approval` of a wave: who lets the rollout go on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approve {
    /// Its gates.
    Auto,
    /// Its gates, and a person.
    Manual,
}

/// A person's yes to a wave of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The revision that is approved.
    pub revision: Revision,
    /// The wave behind which it may go on.
    pub wave: String,
    /// When it was said: it also answers for gates that were inconclusive then.
    pub at: Time,
}

/// `spec.rollout.onFailure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// Nothing new is claimed; nodes that are updated stay so.
    #[default]
    Pause,
    /// Nodes that are updated go back to the stable revision.
    Rollback,
}

/// One of `spec.gates`, without what only its measuring needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    /// Unique.
    pub name: String,
    /// Between two measurements.
    pub interval: Duration,
    /// Failed measurements of a wave that are forgiven.
    pub failure_limit: u32,
    /// Inconclusive measurements in a row that are forgiven.
    pub inconclusive_limit: u32,
    /// Measurements in a row that could not be made and are forgiven.
    pub error_limit: u32,
}

/// A number of nodes: Kubernetes' `IntOrString`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// That many.
    Count(u32),
    /// That much of all, rounded up, as for a DaemonSet's `maxUnavailable`.
    Percent(u8),
}

impl Limit {
    /// The number of nodes when all are `total`.
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (total * usize::from(percent)).div_ceil(100),
        }
    }
}
