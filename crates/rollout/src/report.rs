//! What a planner says beside what it does.

use std::collections::BTreeMap;

use crate::{Action, GateRecord, Qualified, Revision, Step, Time, Wait};

/// What to do now, and why not more.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// The fleet.
    pub fleet: FleetReport,
    /// Its nodes, by name.
    pub nodes: BTreeMap<String, NodeReport>,
    /// When to plan again, although nothing else was seen to change.
    pub wake_at: Option<Time>,
}

/// Where the fleet stands: what `status` is derived from.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetReport {
    /// The last promoted revision.
    pub stable: Option<Revision>,
    /// Where the fleet is to be.
    pub target: Revision,
    /// The wave that is open; `None` where none is needed: for the first revision
    /// of a fleet, and for one that was promoted before.
    pub wave: Option<String>,
    /// Nodes that the selector matches.
    pub selected: usize,
    /// Those that qualify.
    pub qualified: usize,
    /// Those that do not, or of which it is not known.
    pub excluded: usize,
    /// Those that have the target's label and are not in flight.
    pub updated: usize,
    /// Those with a ready pod of their label's revision.
    pub ready: usize,
    /// Those that had a station and have no ready one on a ready node.
    pub unavailable: usize,
    /// Those whose station is on a node that is not ready or vanished.
    pub lost: usize,
    /// Those that failed with the target.
    pub failed: usize,
    /// Claimed nodes.
    pub in_flight: Vec<InFlight>,
    /// Gates of this rollout.
    pub gates: Vec<GateRecord>,
    /// Why nothing goes on until somebody changes something, if so.
    pub paused: Option<Wait>,
    /// What it is waiting for.
    pub progressing: Wait,
}

/// A claimed node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// Its name.
    pub node: String,
    /// What is to be done next.
    pub step: Step,
    /// Since when it is on its way.
    pub since: Time,
    /// 1, and one more each time it was turned or renewed.
    pub attempt: u32,
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// Whether it may have a station.
    pub qualified: Qualified,
    /// Its label's revision.
    pub revision: Option<Revision>,
    /// What it is to have; `None`: nothing.
    pub wanted: Option<Revision>,
    /// Its pod is ready.
    pub is_ready: bool,
    /// What is to be done next with it, if it is claimed.
    pub step: Option<Step>,
    /// Why it has not what it is to have; `None`: it has.
    pub wait: Option<Wait>,
}
