//! Conditions of a `MeasurementNode`.

/// The node fulfils `spec.qualification` of its fleet.
pub const QUALIFIED: &str = "Qualified";
/// The node's station is ready.
pub const RUNNING: &str = "Running";
/// The node's station ends what runs.
pub const DRAINING: &str = "Draining";
/// The node did not start a revision that it was given.
pub const FAILED: &str = "Failed";

/// Reasons that the planner does not have, since it does not look at what they are about.
pub mod reason {
    /// Every rule is fulfilled.
    pub const ALL_RULES_FULFILLED: &str = "AllRulesFulfilled";
    /// The station is ready.
    pub const STATION_READY: &str = "StationReady";
    /// The station is not ready.
    pub const STATION_NOT_READY: &str = "StationNotReady";
    /// The node is to have no station.
    pub const NOT_ASSIGNED: &str = "NotAssigned";
}
