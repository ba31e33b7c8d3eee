//! Trigpoint on a real Kubernetes of three nodes, from the charts and the image that
//! people have: what it does to nodes, to clients, and to the tables.
//!
//! `cargo xtask prove kubernetes`.

#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "kubernetes/cluster.rs"]
mod cluster;
#[path = "kubernetes/collector.rs"]
mod collector;
#[path = "kubernetes/door.rs"]
mod door;
#[path = "kubernetes/faults.rs"]
mod faults;
#[path = "kubernetes/fleet.rs"]
mod fleet;
#[path = "kubernetes/gates.rs"]
mod gates;
#[path = "kubernetes/handoff.rs"]
mod handoff;
#[path = "kubernetes/install.rs"]
mod install;
#[path = "kubernetes/kill.rs"]
mod kill;
#[path = "kubernetes/lifecycle.rs"]
mod lifecycle;
#[path = "kubernetes/loss.rs"]
mod loss;
#[path = "kubernetes/policies.rs"]
mod policies;
#[path = "kubernetes/profiles.rs"]
mod profiles;
#[path = "kubernetes/quiet.rs"]
mod quiet;
#[path = "kubernetes/refusals.rs"]
mod refusals;
#[path = "kubernetes/release.rs"]
mod release;
#[path = "kubernetes/sessions.rs"]
mod sessions;
#[path = "kubernetes/steered.rs"]
mod steered;

use std::time::Duration;

/// Whether the full counts and lengths of the issue are asked for.
fn full() -> bool {
    std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}

/// For what is to be seen over a time, not for what is to become so.
fn wait(time: Duration) {
    std::thread::park_timeout(time);
}
