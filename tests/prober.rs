//! The prober alone against real kernels: what it sees is what the lab was built as.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "prober/crowd.rs"]
mod crowd;
#[path = "prober/enumerate.rs"]
mod enumerate;
#[path = "prober/forged.rs"]
mod forged;
#[path = "prober/icmp.rs"]
mod icmp;
#[path = "prober/methods.rs"]
mod methods;
#[path = "prober/privilege.rs"]
mod privilege;
#[path = "prober/refusals.rs"]
mod refusals;
#[path = "prober/topologies.rs"]
mod topologies;
