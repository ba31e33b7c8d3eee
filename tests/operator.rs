//! The operator against a real API server: fleets come about, change hands node by
//! node, and go, with nobody but a test to play kubelets and controllers.
//!
//! `cargo xtask prove operator`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "operator/cluster.rs"]
mod cluster;
#[path = "operator/faults.rs"]
mod faults;
#[path = "operator/gates.rs"]
mod gates;
#[path = "operator/keys.rs"]
mod keys;
#[path = "operator/nodes.rs"]
mod nodes;
#[path = "operator/refusals.rs"]
mod refusals;
#[path = "operator/rollout.rs"]
mod rollout;
#[path = "operator/running.rs"]
mod running;

use std::panic::{AssertUnwindSafe, catch_unwind};

use cluster::Cluster;
use running::{DEADLINE, Running};
use trigpoint_testkit::eventually;

/// Lets kubelets and controllers do their part until something is so.
#[track_caller]
fn until<T>(cluster: &mut Cluster, what: &str, mut look: impl FnMut(&Cluster) -> Option<T>) -> T {
    let mut last = String::new();
    let found = catch_unwind(AssertUnwindSafe(|| {
        eventually(DEADLINE, what, || {
            cluster.step();
            last = cluster.fleet_status().to_string();
            look(cluster)
        })
    }));
    found.unwrap_or_else(|_| panic!("not so: {what}\nstatus of the fleet: {last}"))
}

/// The revision that is everywhere, once the operator says so of the spec as it is.
fn is_up_to_date(cluster: &Cluster, nodes: i64) -> Option<String> {
    let fleet = cluster.try_get("measurementfleets/stations")?;
    let status = &fleet["status"];
    let is_so = status["observedGeneration"] == fleet["metadata"]["generation"]
        && status["nodes"]["ready"] == nodes
        && status["nodes"]["updated"] == nodes
        && cluster.condition("Progressing")["reason"] == "UpToDate"
        && status["stableRevision"] == status["targetRevision"];
    is_so.then(|| status["stableRevision"].as_str().unwrap().to_owned())
}

/// Whether the operator has looked again, for want of which nothing can be said of
/// what it does not do.
#[track_caller]
fn three_more_rounds(cluster: &mut Cluster, operator: &Running) {
    let rounds = operator.metric("trigpoint_operator_rounds_total");
    until(cluster, "three more rounds", |cluster| {
        cluster.touch_node("node-1");
        (operator.metric("trigpoint_operator_rounds_total") >= rounds + 3).then_some(())
    });
}
