//! The network of the cluster: a namespace for each node, so that no packet
//! leaves the machine and nothing of the machine's own is touched.
//!
//! `localkube` is the control plane and node 1, with a bridge at 192.0.2.1; the
//! others hang on that bridge. Each node routes the pods of the others.
//! `localclient` hangs there too, and knows nothing of pods.

use std::fs;

use anyhow::Result;

use super::layout::{
    CONTROL_PLANE, NODES, Node, OUTSIDE, OUTSIDE_ADDRESS, namespace_file, namespaces,
};
use crate::command::{program, run_quietly};

/// Somebody must be the way to the rest of the world, or the parts of
/// Kubernetes that look for their address find none. Nobody answers there.
const NOBODY: &str = "192.0.2.254";
const BRIDGE: &str = "node0";

/// A command in a network namespace. Not `ip netns exec`, which mounts another
/// `/sys` and so hides the control groups.
pub(crate) fn within(namespace: &str, executable: &str) -> std::process::Command {
    let mut command = program("nsenter", &[]);
    command.arg(format!("--net={}", namespace_file(namespace).display())).arg(executable);
    command
}

/// Makes the namespaces and connects them.
pub(crate) fn make() -> Result<()> {
    for namespace in namespaces() {
        ip(&format!("netns add {namespace}"))?;
        ip(&format!("-n {namespace} link set lo up"))?;
    }
    ip(&format!("-n {CONTROL_PLANE} link add {BRIDGE} type bridge"))?;
    let addresses = NODES.map(|node| (node.namespace, node.address));
    for (namespace, address) in addresses.into_iter().chain([(OUTSIDE, OUTSIDE_ADDRESS)]) {
        let device = if namespace == CONTROL_PLANE { BRIDGE } else { "eth0" };
        if namespace != CONTROL_PLANE {
            ip(&format!(
                "-n {CONTROL_PLANE} link add {namespace} type veth \
                 peer name {device} netns {namespace}"
            ))?;
            ip(&format!("-n {CONTROL_PLANE} link set {namespace} master {BRIDGE} up"))?;
        }
        ip(&format!("-n {namespace} address add {address}/24 dev {device}"))?;
        ip(&format!("-n {namespace} link set {device} up"))?;
        ip(&format!("-n {namespace} route add default via {NOBODY}"))?;
    }
    for node in NODES {
        for other in NODES.iter().filter(|other| **other != node) {
            ip(&format!("-n {} route add {} via {}", node.namespace, other.pods, other.address))?;
        }
        set(node, "net.ipv4.ip_forward=1")?;
    }
    // What crosses the bridge is the other nodes' traffic, which kube-proxy's
    // rules of node 1 are not for.
    if fs::exists("/proc/sys/net/bridge").unwrap_or(false) {
        set(NODES[0], "net.bridge.bridge-nf-call-iptables=0")?;
    }
    Ok(())
}

fn ip(arguments: &str) -> Result<()> {
    run_quietly(program("ip", &[]).args(arguments.split(' ')))
}

fn set(node: Node, setting: &str) -> Result<()> {
    run_quietly(within(node.namespace, "sysctl").args(["-qw", setting]))
}
