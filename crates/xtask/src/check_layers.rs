//! The layers of ARCHITECTURE.md, enforced on `cargo metadata`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::command::{cargo, output, root};

/// Every workspace crate with its layer and the crates of its own layer it may use.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("trigpoint-tcpinfo", 0, &[]),
    ("trigpoint-record", 0, &["trigpoint-tcpinfo"]),
    ("trigpoint-websocket", 0, &[]),
    ("trigpoint-ndt7", 0, &[]),
    ("trigpoint-access-token", 0, &[]),
    ("trigpoint-multipath", 0, &[]),
    ("trigpoint-statistics", 0, &[]),
    ("trigpoint-rollout", 0, &[]),
    ("trigpoint-wire", 1, &[]),
    ("trigpoint-mlab", 1, &[]),
    ("trigpoint-crd", 1, &[]),
    ("trigpoint-sockdiag", 2, &[]),
    ("trigpoint-prober", 2, &[]),
    ("trigpoint-spool", 2, &[]),
    ("trigpoint-annotation", 2, &[]),
    ("trigpoint-uplink", 2, &["trigpoint-spool"]),
    ("trigpoint-lake", 2, &[]),
    ("trigpoint-process", 2, &[]),
    ("trigpoint-token-review", 2, &[]),
    ("trigpoint-transport", 2, &[]),
    ("trigpoint-server", 3, &[]),
    ("trigpoint-traceroute", 3, &[]),
    ("trigpoint-speedtest", 3, &[]),
    ("trigpoint-collector", 3, &[]),
    ("trigpoint-query", 3, &[]),
    ("trigpoint-archive", 3, &[]),
    ("trigpoint-operator", 3, &[]),
    ("trigpoint", 4, &[]),
    ("trigpoint-station", 4, &[]),
    ("trigpoint-testkit", 1, &[]),
    ("xtask", 4, &[]),
];

/// Third-party crates that must be in the graph in one version only: two of
/// them would be two incompatible type systems, or two of the largest builds.
const ONE_VERSION: &[&str] = &[
    "arrow",
    "datafusion",
    "deltalake-core",
    "hyper",
    "object_store",
    "parquet",
    "prost",
    "rustls",
    "tokio",
    "tonic",
];

/// Crates that may be used by these workspace crates only.
const RESTRICTED: &[(&str, &[&str])] = &[
    ("datafusion", &["trigpoint-lake"]),
    ("deltalake", &["trigpoint-lake"]),
    ("arrow", &["trigpoint-lake", "trigpoint-collector", "trigpoint-query"]),
    ("arrow-flight", &["trigpoint-query"]),
    ("kube", &["trigpoint-crd", "trigpoint-operator", "trigpoint-token-review"]),
    ("netlink-sys", &["trigpoint-sockdiag"]),
];

/// Crates that must not be in the graph at all, with what to use instead.
const BANNED: &[(&str, &str)] = &[
    ("openssl-sys", "rustls with aws-lc-rs"),
    ("native-tls", "rustls with aws-lc-rs"),
    ("aws-config", "object_store's own S3 client"),
];

/// Licences that allow distribution under Apache-2.0 in source and binary.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Only what is built: crates for other systems are neither linked nor shipped.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Prints every violation; an error if there is one.
pub(crate) fn run() -> Result<()> {
    let text = output(&mut cargo(&[
        "metadata",
        "--format-version=1",
        "--locked",
        "--filter-platform",
        PLATFORM,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("read `cargo metadata`")?;
    let members: BTreeSet<&str> = metadata.workspace_members.iter().map(String::as_str).collect();
    let mut violations = Vec::new();
    for package in &metadata.packages {
        if members.contains(package.id.as_str()) {
            check_member(package, &mut violations)?;
        } else {
            check_third_party(package, &mut violations);
        }
    }
    check_versions(&metadata, &mut violations);
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} violation(s) of the rules in {}", violations.len(), file!());
    }
    println!("layers, bans and licences of {} packages hold", metadata.packages.len());
    Ok(())
}

fn check_member(package: &Package, violations: &mut Vec<String>) -> Result<()> {
    let name = package.name.as_str();
    let Some((_, layer, siblings)) = LAYERS.iter().find(|(known, ..)| *known == name) else {
        violations.push(format!("`{name}` has no layer: add it to LAYERS"));
        return Ok(());
    };
    // A development dependency compiles into no product, so layers hold for the others.
    for dependency in package.dependencies.iter().filter(|d| d.kind.as_deref() != Some("dev")) {
        let used = dependency.name.as_str();
        if used == "trigpoint-testkit" {
            violations.push(format!("`{name}` uses the testkit outside of its tests"));
        }
        if let Some((_, lower, _)) = LAYERS.iter().find(|(known, ..)| *known == used)
            && lower >= layer
            && !siblings.contains(&used)
        {
            violations.push(format!("`{name}` (layer {layer}) uses `{used}` (layer {lower})"));
        }
        if let Some((_, allowed)) = RESTRICTED.iter().find(|(crate_, _)| *crate_ == used)
            && !allowed.contains(&name)
        {
            violations.push(format!("`{name}` uses `{used}`, which is for {allowed:?}"));
        }
    }
    let manifest = fs::read_to_string(&package.manifest_path)
        .with_context(|| format!("read `{}`", package.manifest_path))?;
    check_manifest(name, &manifest, violations);
    Ok(())
}

/// Members take versions, features and lints from the workspace.
fn check_manifest(name: &str, manifest: &str, violations: &mut Vec<String>) {
    if !manifest.contains("[lints]\nworkspace = true") {
        violations.push(format!("`{name}` does not take the workspace's lints"));
    }
    let mut in_dependencies = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies");
        } else if in_dependencies && line.contains('=') && !line.ends_with(".workspace = true") {
            violations.push(format!("`{name}` sets a version or feature of its own: {line}"));
        }
    }
}

fn check_third_party(package: &Package, violations: &mut Vec<String>) {
    if let Some((name, instead)) = BANNED.iter().find(|(name, _)| *name == package.name) {
        violations.push(format!("`{name}` is in the graph; use {instead}"));
    }
    let allowed = match &package.license {
        Some(expression) => licence_allowed(expression),
        None => package.license_file.is_some() && package.name == "ring",
    };
    if !allowed {
        violations.push(format!(
            "`{} {}` has licence {:?}, which is not in LICENCES",
            package.name, package.version, package.license
        ));
    }
}

/// An SPDX expression of licences joined by `OR` and `AND` (and the old `/`).
fn licence_allowed(expression: &str) -> bool {
    let flat = expression.replace(['(', ')'], " ").replace('/', " OR ");
    // `A AND (B OR C)` flattened reads `A AND B OR C`: each AND part needs one
    // allowed licence, which is stricter than SPDX only where we want to look.
    flat.split(" AND ")
        .all(|part| part.split(" OR ").map(str::trim).any(|licence| LICENCES.contains(&licence)))
}

fn check_versions(metadata: &Metadata, violations: &mut Vec<String>) {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    for name in ONE_VERSION {
        if let Some(found) = versions.get(name)
            && found.len() > 1
        {
            violations.push(format!("`{name}` is in the graph as {found:?}; one is allowed"));
        }
    }
    if !root().join("Cargo.lock").exists() {
        violations.push("Cargo.lock is not committed".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::{check_manifest, licence_allowed};

    #[test]
    fn licence_expressions() {
        assert!(licence_allowed("MIT OR Apache-2.0"));
        assert!(licence_allowed("MIT/Apache-2.0"));
        assert!(licence_allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!licence_allowed("MIT AND GPL-3.0"));
        assert!(!licence_allowed("SSPL-1.0"));
    }

    #[test]
    fn a_member_with_its_own_version_is_named() {
        let manifest = "[dependencies]\nbytes = \"1\"\n\n[lints]\nworkspace = true\n";
        let mut violations = Vec::new();
        check_manifest("x", manifest, &mut violations);
        assert_eq!(violations, ["`x` sets a version or feature of its own: bytes = \"1\""]);
    }
}
