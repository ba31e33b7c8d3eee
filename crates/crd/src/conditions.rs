//! Conditions of both objects, and the reasons that they give.
//!
//! Most reasons are the planner's own (`Reason` of the crate `rollout`), which
//! decides what is waited for; those beside them are here.
//! The same words are the reasons of Events.

use schemars::{Schema, SchemaGenerator, json_schema};

pub mod fleet;
pub mod node;

/// A list of `metav1.Condition` with the bounds that Kubernetes' own types have.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "items": {
            "type": "object",
            "description": "One aspect of the state of this object.",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "Aspect that this is about.",
                    "maxLength": 64,
                    "pattern": "^[A-Z][A-Za-z]*$",
                },
                "status": {
                    "type": "string",
                    "description": "True, False or Unknown.",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "Generation of the object that this was found for.",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed.",
                },
                "reason": {
                    "type": "string",
                    "description": "Why, in one word.",
                    "minLength": 1,
                    "maxLength": 64,
                    "pattern": "^[A-Z][A-Za-z]*$",
                },
                "message": {
                    "type": "string",
                    "description": "Why, for a person, and what to do.",
                    "maxLength": 4096,
                },
            },
        },
    })
}
