//! Where everything of the cluster is: files, namespaces, addresses.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::tools;

/// The network of the control plane and of the first node.
pub(crate) const CONTROL_PLANE: &str = "localkube";
/// The network of a client that is neither node nor pod. A node is none: what
/// it sends to a NodePort goes to pods anywhere, whatever the Service says.
pub(crate) const OUTSIDE: &str = "localclient";
pub(crate) const OUTSIDE_ADDRESS: &str = "192.0.2.100";
pub(crate) const API_SERVER: &str = "https://192.0.2.1:6443";
/// All pods, a /24 on each node.
pub(crate) const PODS: &str = "10.88.0.0/16";
pub(crate) const SERVICES: &str = "10.96.0.0/16";
pub(crate) const DNS: &str = "10.96.0.10";

/// A node; its addresses are of TEST-NET-1 (RFC 5737), which nobody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    /// Its network namespace, in `/run/netns`.
    pub(crate) namespace: &'static str,
    pub(crate) address: &'static str,
    pub(crate) pods: &'static str,
}

pub(crate) const NODES: [Node; 3] = [
    Node { name: "node1", namespace: CONTROL_PLANE, address: "192.0.2.1", pods: "10.88.1.0/24" },
    Node { name: "node2", namespace: "knode2", address: "192.0.2.12", pods: "10.88.2.0/24" },
    Node { name: "node3", namespace: "knode3", address: "192.0.2.13", pods: "10.88.3.0/24" },
];

/// Every network namespace of the cluster.
pub(crate) fn namespaces() -> impl Iterator<Item = &'static str> {
    NODES.iter().map(|node| node.namespace).chain([OUTSIDE])
}

/// Where `ip` keeps a network namespace.
pub(crate) fn namespace_file(namespace: &str) -> PathBuf {
    Path::new("/run/netns").join(namespace)
}

impl Node {
    /// Its control group, below the root of each hierarchy.
    pub(crate) fn control_group(&self) -> String {
        format!("localkube-{}", self.name)
    }

    /// The name of its pod network, by which libcni keeps what it has made.
    pub(crate) fn pod_network(&self) -> String {
        format!("localkube-{}", self.name)
    }
}

/// The folder of a cluster: one per machine.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self { folder: tools::cache()?.join("cluster") })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// Numbers of the processes that were started, a file each.
    pub(crate) fn processes(&self) -> PathBuf {
        self.folder.join("processes")
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.folder.join("etcd")
    }

    /// A certificate or a key.
    pub(crate) fn certificate(&self, file: &str) -> PathBuf {
        self.folder.join("certificates").join(file)
    }

    /// How `user` reaches the API server.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.folder.join(format!("{user}.kubeconfig"))
    }

    pub(crate) fn node(&self, node: Node) -> PathBuf {
        self.folder.join(node.name)
    }

    pub(crate) fn containerd(&self, node: Node) -> PathBuf {
        self.node(node).join("containerd.sock")
    }
}
