//! A `MeasurementFleet` as the planner wants it.

mod qualification;
mod rollout;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet as crd;
use trigpoint_rollout::{Desired, Gate, Limit, Revision};

use crate::error::Stop;

/// What a person wants of a fleet, whose spec renders to `newest` now.
pub(crate) fn desired(fleet: &MeasurementFleet, newest: Revision) -> Result<Desired, Stop> {
    let spec = &fleet.spec;
    Ok(Desired {
        fleet: fleet.name_any(),
        is_deleted: fleet.metadata.deletion_timestamp.is_some(),
        newest,
        revision: spec.revision.as_deref().map(Revision::new),
        drain_grace: grace(&spec.drain),
        qualification: qualification::qualification(&spec.qualification),
        rollout: rollout::rollout(&spec.rollout)?,
        gates: spec.gates.iter().map(gate).collect(),
        revision_history_limit: count(spec.revision_history_limit) as usize,
    })
}

/// To end both programs around their drain: to close connections whose clients do
/// not, to end flows, to write the termination message.
const TO_END: Duration = Duration::from_secs(5);

/// From the request to end a pod to its end, at most.
pub(crate) fn grace(drain: &crd::Drain) -> Duration {
    drain.lame_duck.0 + drain.max_test.0 + drain.flush.0 + TO_END
}

fn gate(gate: &crd::Gate) -> Gate {
    Gate {
        name: gate.name.clone(),
        interval: gate.interval.0,
        failure_limit: count(gate.failure_limit),
        inconclusive_limit: count(gate.inconclusive_limit),
        error_limit: count(gate.error_limit),
    }
}

/// The definition lets no negative number through.
fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

fn limit(what: &str, value: &IntOrString) -> Result<Limit, Stop> {
    match value {
        IntOrString::Int(number) => Ok(Limit::Count(count(*number))),
        IntOrString::String(text) => text
            .strip_suffix('%')
            .and_then(|percent| percent.parse().ok())
            .map(Limit::Percent)
            .ok_or_else(|| {
                Stop::Invalid(format!("`{text}` in {what} is no number of nodes and no percentage"))
            }),
    }
}
