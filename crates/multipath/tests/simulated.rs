//! Traces through simulated networks.
//!
//! | file | owns |
//! |---|---|
//! | `topology` | networks, from code and from files in Fakeroute's format |
//! | `network` | what happens to a probe, and the loop between network and trace |
//! | `binomial` | how many failures are still chance |
//! | `statistics` | the promise: what may be missed, what it may cost |
//! | `hazards` | silence, loss, limits, loops, changes |
//! | `hostile` | answers that make no sense |
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what the statistics are for")]

#[path = "simulated/binomial.rs"]
mod binomial;
#[path = "simulated/hazards.rs"]
mod hazards;
#[path = "simulated/hostile.rs"]
mod hostile;
#[path = "simulated/network.rs"]
mod network;
#[path = "simulated/statistics.rs"]
mod statistics;
#[path = "simulated/topology.rs"]
mod topology;
