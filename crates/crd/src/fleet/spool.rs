//! Where a station keeps rows until the collector has them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

/// The spool of each container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spool {
    /// Bytes that each container's spool may take, such as `2Gi`; beyond it the oldest rows are lost, and counted.
    #[serde(default = "default_size")]
    #[schemars(schema_with = "bounds::bytes")]
    pub size_limit: String,
    /// Directory of the node for the spools, which then survive the pod; the pod's own emptyDir if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^(/[-._A-Za-z0-9]+)+$"))]
    pub host_path: Option<String>,
}

impl Default for Spool {
    fn default() -> Self {
        Self { size_limit: default_size(), host_path: None }
    }
}

fn default_size() -> String {
    "2Gi".to_owned()
}
