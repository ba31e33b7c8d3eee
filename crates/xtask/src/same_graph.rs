//! The README's two commands must share every third-party crate.
//!
//! `cargo run` and `cargo test --workspace` resolve features together only
//! while no member flips one; a flipped feature low in the tree would rebuild
//! DataFusion (minutes). The names of the built artefacts carry a hash of
//! everything that went into them, so equal names mean nothing was rebuilt.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::{cargo, output};

type Artefacts = BTreeMap<String, BTreeSet<String>>;

/// An error that names every third-party crate the second command builds again.
pub(crate) fn run() -> Result<()> {
    let first = artefacts(&["build", "--message-format=json"])?;
    let second = artefacts(&["test", "--workspace", "--no-run", "--message-format=json"])?;
    let rebuilt: Vec<&String> = second
        .iter()
        .filter(|(package, files)| first.get(*package).is_some_and(|built| !files.is_subset(built)))
        .map(|(package, _)| package)
        .collect();
    if !rebuilt.is_empty() {
        bail!("`cargo test --workspace` builds again what `cargo run` built: {rebuilt:#?}");
    }
    println!(
        "`cargo test --workspace` shares all {} third-party crates of `cargo run`",
        first.len()
    );
    Ok(())
}

fn artefacts(arguments: &[&str]) -> Result<Artefacts> {
    let mut found = Artefacts::new();
    for line in output(&mut cargo(arguments))?.lines() {
        let message: Value = serde_json::from_str(line).context("read cargo's messages")?;
        let package = message["package_id"].as_str().unwrap_or_default();
        if message["reason"] != "compiler-artifact" || !package.starts_with("registry+") {
            continue;
        }
        let files = message["filenames"].as_array().into_iter().flatten();
        found
            .entry(package.to_owned())
            .or_default()
            .extend(files.filter_map(Value::as_str).map(str::to_owned));
    }
    Ok(found)
}
