//! The two definitions as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::Value;

use crate::{MeasurementFleet, MeasurementNode};

/// Version of both definitions; raised whenever one of them changes.
///
/// An API server drops fields that an older definition does not have, without a
/// word, so an operator refuses to work with definitions older than its own.
pub const SCHEMA_VERSION: u32 = 1;

/// Annotation of a definition that carries its [`SCHEMA_VERSION`].
pub const SCHEMA_VERSION_ANNOTATION: &str = "trigpoint.dev/schema-version";

/// The definitions of `MeasurementFleet` and `MeasurementNode`.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [MeasurementFleet::crd(), MeasurementNode::crd()].into_iter().map(finished).collect()
}

fn finished(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    definition
        .metadata
        .annotations
        .get_or_insert_default()
        .insert(SCHEMA_VERSION_ANNOTATION.to_owned(), SCHEMA_VERSION.to_string());
    for version in &mut definition.spec.versions {
        let Some(properties) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut())
        else {
            continue;
        };
        let mut schema = serde_json::to_value(&*properties).expect("a schema is JSON");
        forbid_null(&mut schema);
        *properties = serde_json::from_value(schema).expect("a schema without `nullable` is one");
    }
    definition
}

/// A field that is not set is absent: the server then drops an explicit null
/// before it fills in defaults and evaluates rules, so that `has()` is enough.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // A property could have this name; the keyword's value is a boolean.
            members.retain(|name, value| name != "nullable" || !value.is_boolean());
            members.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}
