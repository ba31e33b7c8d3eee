//! Taking the cluster away, whole or in whatever state a crash has left it.
//!
//! Containers end before containerd does, or their shims would live on; then
//! everything else, then what held it: mounts, namespaces, groups, files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::layout::{Layout, NODES, namespace_file, namespaces};
use super::{control_groups, members};
use crate::command::{output_quietly, program, run_quietly};

/// Where libcni keeps what it has made, whatever containerd is told.
const POD_NETWORKS: &str = "/var/lib/cni/results";
/// Where kubelet links logs, whatever it is told.
const LOG_LINKS: &str = "/var/log/containers";
/// Dead processes have been seen to stay for a second on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn remove(layout: &Layout) -> Result<()> {
    if members::includes_this() {
        bail!("this shell is in the cluster's network: leave it first");
    }
    end(|name| name == "kubelet")?;
    end_containers(layout);
    end(|_| true)?;
    unmount(layout)?;
    remove_pod_networks()?;
    for namespace in namespaces() {
        if namespace_file(namespace).exists() {
            run_quietly(&mut program("ip", &["netns", "delete", namespace]))?;
        }
    }
    for node in NODES {
        until("control groups are empty", || control_groups::remove(&node.control_group()))?;
    }
    remove_shim_sockets(layout)?;
    remove_log_links(layout)?;
    if layout.folder().exists() {
        fs::remove_dir_all(layout.folder())
            .with_context(|| format!("remove `{}`", layout.folder().display()))?;
    }
    Ok(())
}

/// Ends the processes whose name `chosen` takes, and waits until they are gone.
fn end(chosen: impl Fn(&str) -> bool) -> Result<()> {
    until("processes have ended", || {
        let ids: Vec<String> = members::all()?
            .iter()
            .filter(|member| chosen(&member.name))
            .map(|member| member.id.to_string())
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        // Some may have ended meanwhile, which is an error to kill.
        run_quietly(program("kill", &["-KILL"]).args(&ids)).ok();
        bail!("{} still there", ids.len())
    })
}

/// By containerd, which then forgets their shims; where it does not answer
/// they are ended like the rest.
fn end_containers(layout: &Layout) {
    for node in NODES {
        let socket = layout.containerd(node);
        if std::os::unix::net::UnixStream::connect(&socket).is_err() {
            continue;
        }
        let ctr = || {
            let mut ctr = program("ctr", &["-n", "k8s.io", "--timeout", "20s", "-a"]);
            ctr.arg(&socket).arg("tasks");
            ctr
        };
        let tasks = output_quietly(ctr().args(["ls", "-q"])).unwrap_or_default();
        if !tasks.trim().is_empty() {
            run_quietly(ctr().args(["rm", "-f"]).args(tasks.split_whitespace())).ok();
        }
    }
}

fn unmount(layout: &Layout) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("read the mounts")?;
    // The latest first: it may lie upon an earlier one.
    for mount in mounts.lines().rev().filter_map(|line| line.split(' ').nth(1)) {
        if Path::new(mount).starts_with(layout.folder()) {
            run_quietly(program("umount", &["--lazy"]).arg(mount))?;
        }
    }
    Ok(())
}

/// Network namespaces of pods, which are known by the results of our networks.
fn remove_pod_networks() -> Result<()> {
    let results = list(Path::new(POD_NETWORKS))?;
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for path in &results {
        if !NODES.iter().any(|node| name(path).starts_with(&node.pod_network())) {
            continue;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        let result: Value = serde_json::from_str(&text).unwrap_or_default();
        let interfaces = result["result"]["interfaces"].as_array().cloned().unwrap_or_default();
        for sandbox in interfaces.iter().filter_map(|interface| interface["sandbox"].as_str()) {
            if Path::new(sandbox).exists() {
                run_quietly(&mut program("umount", &["--lazy", sandbox])).ok();
                fs::remove_file(sandbox).with_context(|| format!("remove `{sandbox}`"))?;
            }
        }
        // The loopback's result is under another name, with the same container.
        let container = result["containerId"].as_str().unwrap_or("without a container");
        for path in results.iter().filter(|other| *other == path || name(other).contains(container))
        {
            fs::remove_file(path).with_context(|| format!("remove `{}`", path.display()))?;
        }
    }
    Ok(())
}

/// Sockets of shims that were killed; `/run/containerd` is the same for all.
fn remove_shim_sockets(layout: &Layout) -> Result<()> {
    for node in NODES {
        let tasks = "containerd-state/io.containerd.runtime.v2.task/k8s.io";
        for task in list(&layout.node(node).join(tasks))? {
            let address = fs::read_to_string(task.join("address")).unwrap_or_default();
            if let Some(socket) = address.trim().strip_prefix("unix://") {
                fs::remove_file(socket).ok();
            }
        }
    }
    Ok(())
}

fn remove_log_links(layout: &Layout) -> Result<()> {
    for link in list(Path::new(LOG_LINKS))? {
        if fs::read_link(&link).is_ok_and(|target| target.starts_with(layout.folder())) {
            fs::remove_file(&link).with_context(|| format!("remove `{}`", link.display()))?;
        }
    }
    Ok(())
}

/// What is in a folder, nothing if there is none.
fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("list `{}`", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn until(what: &str, mut act: impl FnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    while let Err(error) = act() {
        if start.elapsed() > DEADLINE {
            return Err(error).with_context(|| format!("wait until {what}"));
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}
