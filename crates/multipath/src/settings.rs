//! What a trace is asked to do, and what it may cost.

use std::time::Duration;

/// How the paths are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One flow, one path: Paris traceroute.
    SinglePath,
    /// The multipath detection algorithm (Augustin et al. 2007, Veitch et al.
    /// 2009): each vertex is probed by flows that are known to cross it, so its
    /// guarantee holds for every topology of uniform per-flow balancers.
    Mda,
    /// MDA-Lite (Vermeulen et al. 2018): hop by hop, at about half the probes.
    /// A diamond that turns out to be meshed or asymmetric is taken over by
    /// [`Strategy::Mda`]; for others the guarantee is the same.
    MdaLite,
}

/// How likely a trace may be to miss something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailureProbability {
    /// Of the whole trace, if no more than [`BRANCHING_VERTICES`] vertices
    /// branch.
    PerTrace(f64),
    /// Of each vertex that branches, as scamper and paris-traceroute have it.
    PerVertex(f64),
}

/// How many vertices [`FailureProbability::PerTrace`] reckons with.
pub const BRANCHING_VERTICES: u32 = 30;

impl FailureProbability {
    /// The failure probability at which each vertex is probed.
    pub fn per_vertex(self) -> f64 {
        let per_vertex = match self {
            Self::PerTrace(of_trace) => {
                1.0 - (1.0 - of_trace).powf(1.0 / f64::from(BRANCHING_VERTICES))
            }
            Self::PerVertex(of_vertex) => of_vertex,
        };
        // Outside of this there is no stopping point, or none worth its probes.
        per_vertex.clamp(1e-9, 0.5)
    }
}

/// What a trace is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How the paths are looked for.
    pub strategy: Strategy,
    /// How likely it may be to miss something.
    pub failure_probability: FailureProbability,
    /// Probes, at most.
    pub max_probes: u16,
    /// Time to live of a probe, at most.
    pub max_ttl: u8,
    /// Time from the start, at most.
    pub max_duration: Duration,
    /// A branch ends after so many silent hops in a row.
    pub gap_limit: u8,
    /// How often a probe is sent before its silence counts.
    pub attempts: u8,
    /// When a probe without an answer is taken for lost.  An answer that comes
    /// later still counts.
    pub reply_timeout: Duration,
    /// Probes per second to one hop, at the start; halved where that helps.
    pub rate_per_s: u32,
    /// A flow has one probe on its way at a time, and another one when that was
    /// answered or lost; as over TCP, where a probe is an attempt to connect.
    pub one_probe_per_flow: bool,
    /// Flows for which each vertex of the wider of two hops is known on both,
    /// before MDA-Lite says that they are not meshed.
    pub meshing_flows: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::Mda,
            failure_probability: FailureProbability::PerTrace(0.05),
            max_probes: 3000,
            max_ttl: 32,
            max_duration: Duration::from_mins(1),
            gap_limit: 3,
            attempts: 2,
            reply_timeout: Duration::from_secs(1),
            rate_per_s: 500,
            one_probe_per_flow: false,
            meshing_flows: 2,
        }
    }
}
