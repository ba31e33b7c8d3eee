//! Nodes: containerd with a pod network, kubelet, kube-proxy.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::layout::{DNS, Layout, NODES, Node, PODS};
use super::processes::Processes;
use super::{control_groups, images, kubectl};

/// A quiet machine takes ten seconds.
const DEADLINE: Duration = Duration::from_mins(3);
/// Where every kubelet listens for plugins of devices; no setting moves it.  Each
/// removes that of another and takes its place, and ends if another was faster.
const DEVICE_PLUGINS: &str = "/var/lib/kubelet/device-plugins/kubelet.sock";

/// Starts every node's containerd and gives it the images of the cluster.
pub(crate) fn start_containerd(
    layout: &Layout,
    archives: &[PathBuf],
    processes: &mut Processes,
) -> Result<()> {
    for node in NODES {
        let folder = layout.node(node);
        write(&folder.join("cni/10-pods.conflist"), &pod_network(layout, node).to_string())?;
        let config = folder.join("containerd.toml");
        write(&config, &containerd(layout, node))?;
        let arguments = [format!("--config={}", config.display())];
        let name = format!("containerd-{}", node.name);
        processes.start(&name, node.namespace, Path::new("containerd"), &arguments)?;
    }
    for node in NODES {
        let socket = layout.containerd(node);
        processes.until("containerd answers", DEADLINE, || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        })?;
    }
    for archive in archives {
        images::load(layout, archive)?;
    }
    Ok(())
}

/// Starts what makes them nodes of the cluster, and waits until they are ready.
pub(crate) fn join(layout: &Layout, bin: &Path, processes: &mut Processes) -> Result<()> {
    for node in NODES {
        control_groups::make(&node.control_group())?;
        let folder = layout.node(node);
        let config = folder.join("kubelet.json");
        write(&config, &kubelet(layout, node).to_string())?;
        let arguments = [
            format!("--config={}", config.display()),
            format!("--kubeconfig={}", layout.kubeconfig(node.name).display()),
            format!("--root-dir={}", folder.join("kubelet").display()),
            format!("--hostname-override={}", node.name),
            format!("--node-ip={}", node.address),
        ];
        let name = format!("kubelet-{}", node.name);
        let _ = fs::remove_file(DEVICE_PLUGINS);
        processes.start(&name, node.namespace, &bin.join("kubelet"), &arguments)?;
        processes.until("a kubelet listens for plugins", DEADLINE, || {
            Path::new(DEVICE_PLUGINS).exists()
        })?;
        let arguments = [
            format!("--kubeconfig={}", layout.kubeconfig("kube-proxy").display()),
            format!("--hostname-override={}", node.name),
            format!("--cluster-cidr={PODS}"),
            // By the address of its network, a pod of another node would count as one
            // of this, and where addresses are not masqueraded be sent to any pod
            // of a Service whose traffic stays on the node.
            "--detect-local-mode=InterfaceNamePrefix".to_owned(),
            "--pod-interface-name-prefix=veth".to_owned(),
            "--proxy-mode=nftables".to_owned(),
            // The kernel's own values: these are not of a namespace.
            "--conntrack-max-per-core=0".to_owned(),
            "--conntrack-tcp-timeout-established=0".to_owned(),
            "--conntrack-tcp-timeout-close-wait=0".to_owned(),
        ];
        let name = format!("kube-proxy-{}", node.name);
        processes.start(&name, node.namespace, &bin.join("kube-proxy"), &arguments)?;
    }
    processes.until("three nodes are ready", DEADLINE, || ready(layout, bin) == NODES.len())
}

/// How many nodes are ready.
pub(crate) fn ready(layout: &Layout, bin: &Path) -> usize {
    let each = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
    let answer = kubectl(layout, bin, &["get", "nodes", "-o", each]).unwrap_or_default();
    answer.split(' ').filter(|status| *status == "True").count()
}

fn containerd(layout: &Layout, node: Node) -> String {
    let folder = layout.node(node);
    let folder = folder.display();
    let socket = layout.containerd(node);
    let socket = socket.display();
    let sandbox = images::BUSYBOX;
    // `restrict_oom_score_adj`: below its own needs CAP_SYS_RESOURCE, which a
    // machine that is itself a container may lack.
    format!(
        r#"version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{sandbox}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{folder}/cni"
"#
    )
}

/// `ptp`: every packet of a pod passes its node's routing, and so kube-proxy's
/// rules; behind a bridge that would need br_netfilter. Addresses are not
/// masqueraded: they are the same on every node.
fn pod_network(layout: &Layout, node: Node) -> Value {
    let leases = layout.node(node).join("pod-addresses");
    let ranges = json!([[{"subnet": node.pods}]]);
    let routes = json!([{"dst": "0.0.0.0/0"}]);
    let addresses =
        json!({"type": "host-local", "dataDir": leases, "ranges": ranges, "routes": routes});
    json!({
        "cniVersion": "1.0.0",
        "name": node.pod_network(),
        "plugins": [
            {"type": "ptp", "ipMasq": false, "ipam": addresses},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    })
}

fn kubelet(layout: &Layout, node: Node) -> Value {
    let folder = layout.node(node);
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": layout.certificate("authority.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": layout.certificate(&format!("{}.crt", node.name)),
        "tlsPrivateKeyFile": layout.certificate(&format!("{}.key", node.name)),
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        // None of the machine's search domains.
        "resolvConf": "",
        "containerRuntimeEndpoint": format!("unix://{}", layout.containerd(node).display()),
        "podLogsDir": folder.join("pod-logs"),
        "volumePluginDir": folder.join("volume-plugins"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", node.control_group()),
        "failCgroupV1": false,
        "failSwapOn": false,
        // Settings of the kernel that are read-only here do not end it.
        "featureGates": {"KubeletInUserNamespace": true},
        "localStorageCapacityIsolation": false,
        // The disk is the machine's, and may be as full as it likes.
        "evictionHard": {"memory.available": "50Mi"},
        "imageGCHighThresholdPercent": 100,
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create `{}`", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("write `{}`", path.display()))
}
