//! What is known of a node.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What is known of a node; absent is not known. A pod without privilege cannot see link speed, driver, offloads or CPU manager: they come from profiles hostPort and host, or from labels that an administrator sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub kernel: Option<String>,
    /// Architecture, as Go names it (amd64).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub arch: Option<String>,
    /// Model of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub cpu_model: Option<String>,
    /// Kind of machine, as systemd-detect-virt names it; none is bare metal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub virtualization: Option<String>,
    /// Congestion controls that could be set on a socket, which is more than being listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(max = 15)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub congestion_controls: Vec<String>,
    /// How far the clock is from true time, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_micros: Option<i64>,
    /// Where time comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub clock_source: Option<String>,
    /// Whether the outside is reached over IPv4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<bool>,
    /// Whether the outside is reached over IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// Speed of the link, in megabits (10⁶ bits) per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_mbps: Option<i64>,
    /// Largest packet of the link, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<i64>,
    /// Driver of the network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub driver: Option<String>,
    /// Offloads that are on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub offloads: Vec<String>,
    /// Policy of the kubelet's CPU manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub cpu_manager_policy: Option<String>,
    /// When the probe measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Time>,
}
