//! `spec.template.podOverrides`.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::Value;

use crate::error::Stop;

/// What is merged over the pod, by Kubernetes' own rules for each field
/// (`k8s_openapi::DeepMerge`): containers and volumes by their name, for example.
///
/// What would take the pod out of the operator's hands, the definition refuses.
pub(super) fn overrides(overrides: &Value) -> Result<PodTemplateSpec, Stop> {
    serde_json::from_value(overrides.clone()).map_err(|error| {
        Stop::Invalid(format!("template.podOverrides is no part of a pod template: {error}"))
    })
}
