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

/// Reasons that the planner does not have, since it does not look at what they are about.
pub mod reason {
    /// `rollout.skipGates` is set; the message repeats its reason.
    pub const GATES_SKIPPED: &str = "GatesSkipped";
    /// An object of the fleet, or the fleet itself, cannot be read: a newer version wrote it.
    pub const UNREADABLE: &str = "Unreadable";
}
