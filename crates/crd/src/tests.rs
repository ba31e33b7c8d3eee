//! What the API server cannot say about the definitions before it is too late.
//! What it does say is in `tests/definitions.rs`, against a real one.

use serde_json::Value;

use crate::{GROUP, REVISION_LABEL, SCHEMA_VERSION_ANNOTATION, definitions};

/// Calls `look` with the path of every schema below the two specs and statuses.
fn each_schema(mut look: impl FnMut(&str, &Value)) {
    for definition in definitions() {
        let kind = &definition.spec.names.kind;
        let version = serde_json::to_value(&definition.spec.versions[0]).unwrap();
        let root = &version["schema"]["openAPIV3Schema"]["properties"];
        for part in ["spec", "status"] {
            below(&format!("{kind}.{part}"), &root[part], &mut look);
        }
    }
}

fn below(path: &str, schema: &Value, look: &mut impl FnMut(&str, &Value)) {
    look(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        below(&format!("{path}.{name}"), property, look);
    }
    for (keyword, sign) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(keyword) {
            below(&format!("{path}{sign}"), inner, look);
        }
    }
}

/// The server multiplies the bounds of what a rule goes through into the rule's cost.
#[test]
fn every_string_list_and_map_is_bounded() {
    let mut unbounded = Vec::new();
    each_schema(|path, schema| {
        let has = |keyword: &str| schema.get(keyword).is_some();
        let bounded = match schema["type"].as_str() {
            Some("string") => has("maxLength") || has("enum") || schema["format"] == "date-time",
            Some("array") => has("maxItems"),
            Some("object") => !has("additionalProperties") || has("maxProperties"),
            None => has("maxLength") && has("maximum"),
            _ => true,
        };
        if !bounded {
            unbounded.push(path.to_owned());
        }
    });
    assert_eq!(unbounded, Vec::<String>::new());
}

#[test]
fn every_field_is_described_and_every_list_says_how_it_merges() {
    let mut lacking = Vec::new();
    each_schema(|path, schema| {
        let field = !path.ends_with("[]") && !path.ends_with("{}");
        if field && schema["description"].as_str().unwrap_or_default().is_empty() {
            lacking.push(format!("{path}: description"));
        }
        if schema["type"] == "array" && schema.get("x-kubernetes-list-type").is_none() {
            lacking.push(format!("{path}: x-kubernetes-list-type"));
        }
        if schema.get("nullable").is_some() {
            lacking.push(format!("{path}: nullable"));
        }
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            if rule["message"].as_str().unwrap_or_default().is_empty() {
                lacking.push(format!("{path}: message of {}", rule["rule"]));
            }
        }
    });
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn constants_are_what_the_definitions_say() {
    let mut rules = String::new();
    each_schema(|_, schema| rules.push_str(&schema["x-kubernetes-validations"].to_string()));
    assert!(rules.contains(&format!("'{REVISION_LABEL}' in self.matchLabels")));
    for definition in definitions() {
        assert_eq!(definition.spec.group, GROUP);
        let annotations = definition.metadata.annotations.unwrap();
        assert_eq!(annotations[SCHEMA_VERSION_ANNOTATION], crate::SCHEMA_VERSION.to_string());
    }
}
