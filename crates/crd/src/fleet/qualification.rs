//! What a node must fulfil before it gets a station.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Duration, duration};

/// What a node must fulfil before it gets a station. A fact that is not known does not fulfil a rule about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Qualification {
    /// Oldest kernel, such as `5.4` or `6.1.90`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), regex(pattern = "^[0-9]+[.][0-9]+([.][0-9]+)?$"))]
    pub min_kernel: Option<String>,
    /// Congestion controls that an ordinary process can set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 15), regex(pattern = "^[a-z][a-z0-9_]*$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub require_congestion_control: Vec<String>,
    /// How far the node's clock may be from true time, either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_clock_offset: Option<Duration>,
    /// Whether the node must reach the outside over IPv4 and over IPv6.
    #[serde(default)]
    pub require_dual_stack: bool,
    /// Kinds of machine that are allowed beside bare metal, as systemd-detect-virt names them (kvm, amazon); any if absent, `[none]` for bare metal only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 32), regex(pattern = "^[a-z0-9][-a-z0-9]*$")))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_virtualization: Vec<String>,
    /// Slowest link, in megabits (10⁶ bits) per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub min_link_mbps: Option<i32>,
    /// Whether the kubelet's CPU manager must be static, so that whole processors are pinned.
    #[serde(default)]
    pub require_static_cpu: bool,
    /// How often facts are measured again.
    #[serde(default = "default_recheck")]
    #[x_kube(validation = (
        duration::rule(&["self"], "duration(self) >= duration('1m')").as_str(),
        "qualification.recheck must be at least 1m: each check runs a pod on the node",
    ))]
    pub recheck: Duration,
    /// How long a probe pod may take, image and all.
    #[serde(default = "default_probe_timeout")]
    #[x_kube(validation = (
        duration::rule(&["self"], "duration(self) >= duration('5s')").as_str(),
        "qualification.probeTimeout must be at least 5s: the image has to be fetched in it",
    ))]
    pub probe_timeout: Duration,
    /// What happens to a node that does not qualify any more. Exclude: its station is taken away, within maxUnavailable. Hold: it keeps its station and revision. Warn: it is treated as if it qualified, and the condition says so.
    #[serde(default)]
    pub on_fail: OnUnqualified,
}

impl Default for Qualification {
    fn default() -> Self {
        Self {
            min_kernel: None,
            require_congestion_control: Vec::new(),
            max_clock_offset: None,
            require_dual_stack: false,
            allowed_virtualization: Vec::new(),
            min_link_mbps: None,
            require_static_cpu: false,
            recheck: default_recheck(),
            probe_timeout: default_probe_timeout(),
            on_fail: OnUnqualified::default(),
        }
    }
}

fn default_recheck() -> Duration {
    Duration::seconds(3600)
}

fn default_probe_timeout() -> Duration {
    Duration::seconds(120)
}

/// What happens to a node that does not qualify any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnUnqualified {
    /// Its station is taken away.
    #[default]
    Exclude,
    /// It keeps its station and its revision.
    Hold,
    /// It is treated as if it qualified.
    Warn,
}
