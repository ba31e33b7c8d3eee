//! Control groups of the nodes, one in each hierarchy of cgroup v1, or in the
//! only one of v2.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";

/// Makes the group `name` in every hierarchy.
pub(crate) fn make(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        let group = hierarchy.join(name);
        fs::create_dir_all(&group).with_context(|| format!("create `{}`", group.display()))?;
        // Empty in a new group of v1, which then takes no process.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if let Ok(text) = fs::read_to_string(hierarchy.join(file)) {
                fs::write(group.join(file), text)
                    .with_context(|| format!("write `{}`", group.join(file).display()))?;
            }
        }
    }
    Ok(())
}

/// Every process in the group `name` and those below it.
pub(crate) fn members(name: &str) -> Result<BTreeSet<u32>> {
    let mut found = BTreeSet::new();
    for hierarchy in hierarchies()? {
        for group in below(&hierarchy.join(name)) {
            // A group may go while it is looked at.
            let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
    }
    Ok(found)
}

/// Removes the group `name` and those below it, which must be empty.
pub(crate) fn remove(name: &str) -> Result<()> {
    for hierarchy in hierarchies()? {
        for group in below(&hierarchy.join(name)) {
            match fs::remove_dir(&group) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove `{}`", group.display()));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn hierarchies() -> Result<Vec<PathBuf>> {
    if Path::new(ROOT).join("cgroup.controllers").exists() {
        return Ok(vec![PathBuf::from(ROOT)]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(ROOT).with_context(|| format!("list `{ROOT}`"))? {
        let entry = entry.with_context(|| format!("list `{ROOT}`"))?;
        // `cpu` may be a link to `cpu,cpuacct`.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The group and all below it, the deepest first; none if it is not there.
fn below(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    let folders = entries.flatten().filter(|e| e.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut found: Vec<PathBuf> = folders.flat_map(|entry| below(&entry.path())).collect();
    found.push(group.to_owned());
    found
}
