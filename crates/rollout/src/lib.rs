//! Which node of a fleet runs which revision, in which order, behind which gates.
//!
//! Owns the planner, [`plan`]: what is [`Desired`], what is [`Observed`] and the
//! time go in; [`Action`]s come out, and for the fleet and each node the
//! [`Reason`] why it waits.  A revision is an immutable DaemonSet, chosen by one
//! label of the node, so a node changes hands by its label:
//!
//! prove the revision on the node → claim → release (label gone, the old pod
//! drains) → confirm gone → assign (label set) → verify → unclaim.
//!
//! Each step follows from what is observed, so whoever carries actions out may
//! be killed between any two of them.  Decisions that cannot be observed are in
//! one [`Ledger`], which is written with a version.
//!
//! Must never know Kubernetes, nor read a clock.
#![forbid(unsafe_code)]

mod action;
mod budgets;
mod candidates;
mod course;
mod deletion;
mod desired;
mod gates;
mod handoff;
mod ledger;
mod maintenance;
mod observed;
mod plan;
mod prove;
mod qualification;
mod reason;
mod report;
mod revision;
mod revisions;
mod rollback;
mod situation;
mod stops;
mod waves;
mod windows;

pub use action::{Action, Fence};
pub use desired::{
    Approval, Approve, Desired, Gate, Limit, OnFail, OnFailure, Qualification, Rollout,
    Virtualization, Wave, WaveNodes,
};
pub use gates::{GateRecord, Measurement, Verdict};
pub use handoff::Step;
pub use ledger::{Change, Claim, Failure, Ledger, Progress, RowsLost};
pub use observed::{
    Facts, LastDrain, Maintenance, Node, NodeRecord, Observed, Pod, Presence, Probe, ProbeOutcome,
    Readiness, RevisionRecord, SelfTest,
};
pub use plan::plan;
pub use qualification::{Finding, Qualified};
pub use reason::{Reason, Wait};
pub use report::{FleetReport, InFlight, NodeReport, Plan};
pub use revision::Revision;
pub use windows::Window;

/// A moment of wall-clock time, as the API server and the station stamp it.
pub type Time = chrono::DateTime<chrono::Utc>;
