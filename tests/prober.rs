//! The prober alone against real kernels: what it sees is what the lab was built as.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "prober/enumerate.rs"]
mod enumerate;
#[path = "prober/topologies.rs"]
mod topologies;
