//! The suites that a plain `cargo test` leaves out, by what the manifests say.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, output};

/// Names of the test targets with `test = false`: `--all-targets` leaves them
/// out too, so that they have to be named.
pub(crate) fn left_out() -> Result<Vec<String>> {
    let metadata = ["metadata", "--no-deps", "--format-version=1", "--locked"];
    let metadata: Value =
        serde_json::from_str(&output(&mut cargo(&metadata))?).context("read cargo's metadata")?;
    let each = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let targets =
        each(&metadata, "packages").into_iter().flat_map(|package| each(&package, "targets"));
    let suites = targets.filter(|target| {
        each(target, "kind").iter().any(|kind| kind == "test") && target["test"] == false
    });
    Ok(suites.filter_map(|suite| suite["name"].as_str().map(str::to_owned)).collect())
}
