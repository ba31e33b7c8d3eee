//! What a station may do beyond an ordinary pod.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

/// What a station may do beyond an ordinary pod; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Privilege {
    /// Sockets of traceroutes. Unprivileged: ordinary ones with error queues. Raw: raw ones, which need the capability NET_RAW and a namespace with Pod Security privileged.
    #[serde(default)]
    pub traceroute: TracerouteSockets,
    /// Congestion control of tests, such as bbr; the node's default if absent. The node must allow it to ordinary processes (net.ipv4.tcp_allowed_congestion_control).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::congestion_control")]
    pub congestion_control: Option<String>,
}

/// Sockets of traceroutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TracerouteSockets {
    /// Ordinary sockets with error queues.
    #[default]
    Unprivileged,
    /// Raw sockets.
    Raw,
}
