//! What every cluster has inside: its DNS.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::kubectl;
use super::layout::{DNS, Layout, NODES};
use super::network::within;
use super::processes::Processes;
use crate::command::run_quietly;

/// A quiet machine takes five seconds.
const DEADLINE: Duration = Duration::from_mins(3);

/// Starts CoreDNS and waits until it answers on each node: by then a Service
/// works through kube-proxy, and pods reach the API server.
pub(crate) fn start(layout: &Layout, bin: &Path, processes: &mut Processes) -> Result<()> {
    let path = layout.folder().join("coredns.yaml");
    fs::write(&path, include_str!("coredns.yaml"))
        .with_context(|| format!("write `{}`", path.display()))?;
    kubectl(layout, bin, &["apply", "--server-side", "-f", &path.to_string_lossy()])?;
    for node in NODES {
        processes.until(
            &format!("the cluster's DNS answers on {}", node.name),
            DEADLINE,
            || {
                let name = "kubernetes.default.svc.cluster.local";
                run_quietly(within(node.namespace, "/bin/busybox").args(["nslookup", name, DNS]))
                    .is_ok()
            },
        )?;
    }
    Ok(())
}
