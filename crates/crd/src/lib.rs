//! The objects by which Trigpoint is run on Kubernetes: `trigpoint.dev/v1alpha1`.
//!
//! [`MeasurementFleet`] is what a person writes: which nodes measure, with what,
//! in which order they change, and behind which gates.
//! [`MeasurementNode`] is what the operator writes for each of those nodes.
//! Documentation of fields becomes the descriptions that `kubectl explain` shows,
//! and [`definitions`] what `charts/trigpoint-crds` installs.
//!
//! Rules that need two fields are CEL, the others OpenAPI.
//! Every list and every string is bounded, since the API server estimates the
//! cost of a rule from the bounds and refuses a definition without them
//! ("estimated rule cost exceeds budget by factor of more than 100x").

#![allow(
    unreachable_pub,
    reason = "the derive of schemas copies each `pub struct` into a function"
)]

mod bounds;
pub mod conditions;
mod definition;
mod duration;
pub mod fleet;
pub mod node;
mod selector;
#[cfg(test)]
mod tests;

pub use definition::{SCHEMA_VERSION, SCHEMA_VERSION_ANNOTATION, definitions};
pub use duration::{Duration, ParseDurationError};
pub use fleet::{MeasurementFleet, MeasurementFleetSpec, MeasurementFleetStatus};
pub use node::{MeasurementNode, MeasurementNodeSpec, MeasurementNodeStatus};
pub use selector::{NodeRequirement, NodeSelector, SelectorOperator};

/// API group of both objects.
pub const GROUP: &str = "trigpoint.dev";

/// Label of a `MeasurementNode` with the name of its fleet.
pub const FLEET_LABEL: &str = "trigpoint.dev/fleet";

/// Label of a node that says which revision of which fleet it carries, as
/// `<fleet>-<hash>`: one key, so that a node has one fleet by construction.
///
/// Under this prefix a kubelet cannot label its own node (admission plugin
/// NodeRestriction), so no node assigns itself.
pub const REVISION_LABEL: &str = "station.trigpoint.node-restriction.kubernetes.io/revision";
