//! The tracer of a station on real kernels: what it stores of a network is what there
//! is to see, as often as it promises.
//!
//! | file | owns |
//! |---|---|
//! | `station` | a tracer that is told of clients |
//! | `spool` | the rows that it leaves |
//! | `promise` | how many of so many traces may miss something |
//! | `topologies` | networks of every shape, and the traces through each |
//! | `limits` | routers that answer as seldom as Linux does by default |
//! | `scamper` | the same networks as a peer sees them |
//!
//! By default few traces at a failure probability so small that one miss is a fault;
//! with `TRIGPOINT_PROVE=full` a hundred at the one that stations have, and scamper
//! beside them.  Needs user namespaces, iproute2 and nftables, in the full form scamper
//! and root: `cargo xtask prove traceroute`.
#![allow(clippy::unwrap_used, reason = "tests may panic: that is how they fail")]
#![allow(clippy::print_stdout, reason = "the figures are what this suite is for")]

#[path = "../crates/multipath/tests/simulated/binomial.rs"]
mod binomial;
#[path = "prober/enumerate.rs"]
#[allow(dead_code, reason = "shared with the prober's suite")]
mod enumerate;
#[path = "traceroute/graph.rs"]
mod graph;
#[path = "paths/limits.rs"]
mod limits;
#[path = "paths/promise.rs"]
mod promise;
#[path = "paths/scamper.rs"]
mod scamper;
#[path = "paths/spool.rs"]
mod spool;
#[path = "paths/station.rs"]
mod station;
#[path = "paths/topologies.rs"]
mod topologies;

fn is_full() -> bool {
    std::env::var_os("TRIGPOINT_PROVE").is_some_and(|form| form == "full")
}
