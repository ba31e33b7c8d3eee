//! Conditions of a `MeasurementFleet`.

/// Every qualified node has a station that is ready.
pub const READY: &str = "Ready";
/// A revision is on its way; the reason says what it does or waits for.
pub const PROGRESSING: &str = "Progressing";
/// No further node is released, because a person or the operator decided so.
pub const PAUSED: &str = "Paused";
/// At least one node qualifies.
pub const QUALIFIED: &str = "Qualified";
/// The gates of the last finished wave have passed.
pub const GATES_PASSED: &str = "GatesPassed";
/// Something is wrong that the operator cannot mend.
pub const DEGRADED: &str = "Degraded";

/// Reasons of these conditions.
pub mod reason {
    /// Every qualified node is on the stable revision.
    pub const UP_TO_DATE: &str = "UpToDate";
    /// Nodes are being taken from one revision to the next.
    pub const UPDATING: &str = "Updating";
    /// Nodes are going back to the stable revision.
    pub const ROLLING_BACK: &str = "RollingBack";
    /// The first nodes of a wave measure with the new revision before gates are asked.
    pub const CANARY_BAKING: &str = "CanaryBaking";
    /// The next wave waits for `trigpoint fleet approve`.
    pub const AWAITING_APPROVAL: &str = "AwaitingApproval";
    /// No window of `rollout.windows` is open.
    pub const WINDOW_CLOSED: &str = "WindowClosed";
    /// `rollout.paused` is set.
    pub const PAUSED_BY_USER: &str = "PausedByUser";
    /// `rollout.skipGates` is set; the message repeats its reason.
    pub const GATES_SKIPPED: &str = "GatesSkipped";
    /// A gate found the new revision worse.
    pub const GATE_FAILED: &str = "GateFailed";
    /// A gate had too few samples for too long.
    pub const GATE_INCONCLUSIVE: &str = "GateInconclusive";
    /// A gate could not be asked for too long.
    pub const GATE_ERROR: &str = "GateError";
    /// More nodes failed than `rollout.failureBudget` allows.
    pub const FAILURE_BUDGET_EXHAUSTED: &str = "FailureBudgetExhausted";
    /// A node has been between two revisions for longer than `rollout.nodeDeadline`.
    pub const NODE_STUCK: &str = "NodeStuck";
    /// More nodes are NotReady or gone than `rollout.maxLost` allows.
    pub const NODES_LOST: &str = "NodesLost";
    /// A station ended with rows that the collector did not have.
    pub const ROWS_LOST: &str = "RowsLost";
    /// The collector is down, or a spool grows older: no node is released.
    pub const INGEST_UNHEALTHY: &str = "IngestUnhealthy";
    /// The namespace refuses the pod: it lacks the Pod Security label that the profile needs.
    pub const NAMESPACE_NOT_PRIVILEGED: &str = "NamespaceNotPrivileged";
    /// The target revision did not start where it was tried, so no node is released for it.
    pub const PROBE_FAILED: &str = "ProbeFailed";
    /// A Secret that the fleet names is not there.
    pub const SECRET_MISSING: &str = "SecretMissing";
    /// `spec.revision` names a revision that is not there.
    pub const REVISION_MISSING: &str = "RevisionMissing";
    /// The selector finds no node, or none that qualifies.
    pub const NO_NODES: &str = "NoNodes";
    /// The installed definitions are older than the operator.
    pub const CRD_TOO_OLD: &str = "CrdTooOld";
}
