//! Schemas of strings and quantities that several fields share.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The name of a wave or a gate: a DNS label that a person can read in a column.
pub(crate) fn short_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 32,
        "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    })
}

/// The name of an object (RFC 1123 subdomain), such as a node, a Secret or a revision.
pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": 253,
        "pattern": "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
    })
}

/// The key of a label: a name, with a DNS prefix or without.
pub(crate) fn label_key(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 317,
        "pattern": "^([a-z0-9]([-.a-z0-9]*[a-z0-9])?/)?[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$",
    })
}

/// Labels by key.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": {
            "type": "string",
            "maxLength": 63,
            "pattern": "^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$",
        },
    })
}

/// Annotations by key.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// A number of nodes, or a percentage of them.
pub(crate) fn nodes_or_percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1,
        "maximum": 10_000,
        "maxLength": 4,
        "pattern": "^([1-9][0-9]?|100)%$",
    })
}

/// Processors, as whole numbers or in thousandths (`500m`).
pub(crate) fn processors(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1,
        "maximum": 1024,
        "maxLength": 8,
        "pattern": "^[1-9][0-9]*m?$",
    })
}

/// Bytes, with a unit (`512Mi`).
pub(crate) fn bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 12,
        "pattern": "^[1-9][0-9]*(Ki|Mi|Gi|Ti|k|M|G|T)$",
    })
}

/// The name of a congestion control, of which the kernel holds 15 bytes (`TCP_CA_NAME_MAX`).
pub(crate) fn congestion_control(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 15,
        "pattern": "^[a-z][a-z0-9_]*$",
    })
}
