//! All paths to a destination that load balancers spread flows over.
//!
//! Owns the multipath detection algorithm (MDA), MDA-Lite and the single path
//! as one state machine, [`Trace`]: answers and the passing of time go in,
//! probes (time to live, flow) come out, and at the end a [`Path`]: vertices by
//! hop, edges by flow, diamonds, the confidence reached, and why it stopped.
//!
//! Must never send a packet, read a clock or draw a random number.
#![forbid(unsafe_code)]

mod lattice;
mod pace;
mod path;
mod planner;
mod probe;
mod repeat;
mod settings;
mod stopping;
mod trace;

pub use lattice::End;
pub use path::{Diamond, Edge, Hop, Path, ProbeRecord, ReplyRecord, Vertex};
pub use probe::{Flow, MplsLabel, Probe, ProbeId, Purpose, Reply, ReplyKind};
pub use settings::{BRANCHING_VERTICES, FailureProbability, Settings, Strategy};
pub use stopping::{StoppingPoints, miss_probability};
pub use trace::{Next, StopReason, Trace};
