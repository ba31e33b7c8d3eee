//! Which processes are the cluster's: those in its networks and those in its
//! control groups, whoever started them, so that none is missed after a crash.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::control_groups;
use super::layout::{NODES, namespace_file, namespaces};

/// A process of the cluster.
pub(crate) struct Member {
    pub(crate) id: u32,
    /// As the kernel cuts it, to 15 bytes.
    pub(crate) name: String,
    pub(crate) resident_bytes: u64,
}

/// All of them.
pub(crate) fn all() -> Result<Vec<Member>> {
    let mut ids = BTreeSet::new();
    let networks: Vec<_> =
        namespaces().filter_map(|namespace| network(&namespace_file(namespace))).collect();
    for entry in fs::read_dir("/proc").context("list `/proc`")? {
        let entry = entry.context("list `/proc`")?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if network(&entry.path().join("ns/net")).is_some_and(|network| networks.contains(&network))
        {
            ids.insert(id);
        }
    }
    for node in NODES {
        ids.extend(control_groups::members(&node.control_group())?);
    }
    // Zombies have no memory; they are their parent's to end.
    Ok(ids.into_iter().filter_map(look).collect())
}

/// Whether this very program is in one of the cluster's networks.
pub(crate) fn includes_this() -> bool {
    let own = network(Path::new("/proc/self/ns/net"));
    own.is_some() && namespaces().any(|namespace| network(&namespace_file(namespace)) == own)
}

/// What tells a network namespace from others.
fn network(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

fn look(id: u32) -> Option<Member> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let kibibytes: u64 = value("VmRSS:")?.split(' ').next()?.parse().ok()?;
    Some(Member { id, name: value("Name:")?.to_owned(), resident_bytes: kibibytes * 1024 })
}
