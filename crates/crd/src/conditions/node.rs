//! Conditions of a `MeasurementNode`.

/// The node fulfils `spec.qualification` of its fleet.
pub const QUALIFIED: &str = "Qualified";
/// The node's station is ready.
pub const RUNNING: &str = "Running";
/// The node's station ends what runs.
pub const DRAINING: &str = "Draining";
/// The node did not start a revision that it was given.
pub const FAILED: &str = "Failed";

/// Reasons of these conditions.
pub mod reason {
    /// Every rule is fulfilled.
    pub const ALL_RULES_FULFILLED: &str = "AllRulesFulfilled";
    /// The node was not looked at yet.
    pub const NOT_PROBED: &str = "NotProbed";
    /// The probe pod did not start, or did not answer in time.
    pub const PROBE_FAILED: &str = "ProbeFailed";
    /// A rule is about a fact that is not known.
    pub const FACT_UNKNOWN: &str = "FactUnknown";
    /// The kernel is older than `minKernel`.
    pub const KERNEL_TOO_OLD: &str = "KernelTooOld";
    /// A congestion control cannot be set by an ordinary process.
    pub const CONGESTION_CONTROL_MISSING: &str = "CongestionControlMissing";
    /// The clock is further off than `maxClockOffset`.
    pub const CLOCK_OFFSET_TOO_LARGE: &str = "ClockOffsetTooLarge";
    /// The outside is not reached over both families.
    pub const NOT_DUAL_STACK: &str = "NotDualStack";
    /// The kind of machine is not in `allowedVirtualisation`.
    pub const VIRTUALISATION_NOT_ALLOWED: &str = "VirtualisationNotAllowed";
    /// The link is slower than `minLinkMbps`.
    pub const LINK_TOO_SLOW: &str = "LinkTooSlow";
    /// The kubelet's CPU manager is not static.
    pub const CPU_MANAGER_NOT_STATIC: &str = "CpuManagerNotStatic";
    /// A client's address is not what the server sees: something on the path rewrites it.
    pub const CLIENT_ADDRESS_REWRITTEN: &str = "ClientAddressRewritten";
    /// Another fleet has the node.
    pub const OWNED_BY_OTHER_FLEET: &str = "OwnedByOtherFleet";
    /// The station is ready.
    pub const STATION_READY: &str = "StationReady";
    /// The station is not ready yet, or not any more.
    pub const STATION_NOT_READY: &str = "StationNotReady";
    /// The node is to have no station.
    pub const NOT_ASSIGNED: &str = "NotAssigned";
    /// The scheduler found no room for the station for a minute.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// The image could not be fetched.
    pub const IMAGE_PULL_FAILED: &str = "ImagePullFailed";
    /// The station starts and ends, again and again.
    pub const CRASH_LOOP: &str = "CrashLoop";
    /// The station was not ready within `rollout.nodeDeadline`.
    pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
    /// A test through the public path failed.
    pub const SELF_TEST_FAILED: &str = "SelfTestFailed";
    /// The node is NotReady or gone.
    pub const NODE_LOST: &str = "NodeLost";
    /// The station makes place for another revision.
    pub const REVISION_CHANGES: &str = "RevisionChanges";
    /// The node is kept without a station, for maintenance.
    pub const MAINTENANCE: &str = "Maintenance";
}
