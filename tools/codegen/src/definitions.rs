//! `charts/trigpoint-crds/files` from the types of `crates/crd`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

const HEADER: &str = "# Generated from crates/crd by `cargo xtask codegen`; edit the types there.\n";

pub(crate) fn write(root: &Path) -> Result<()> {
    let output = root.join("charts/trigpoint-crds/files");
    fs::create_dir_all(&output).with_context(|| format!("create {}", output.display()))?;
    for definition in trigpoint_crd::definitions() {
        let name = &definition.spec.names.plural;
        let mut document = serde_json::to_value(&definition)
            .with_context(|| format!("write {name} as JSON"))?;
        whole_numbers(&mut document);
        let yaml = serde_saphyr::to_string(&document)
            .with_context(|| format!("write {name} as YAML"))?;
        let file = output.join(format!("{name}.yaml"));
        fs::write(&file, format!("{HEADER}{}\n", yaml.trim_end()))
            .with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}

/// Bounds are floats in Kubernetes' types (`maximum: 64.0`); people write integers.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64()
                && float.fract() == 0.0
            {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
