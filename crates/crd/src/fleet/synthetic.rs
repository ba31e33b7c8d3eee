//! Tests that the operator runs itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tests from another node of the cluster, one at a time, marked in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyntheticTests {
    /// Gigabytes (10⁹ bytes) that they may move in a day, over all nodes; 0 for none, and gates then wait for users.
    #[serde(default = "default_gigabytes")]
    #[schemars(range(min = 0, max = 100_000))]
    pub gigabytes_per_day: i32,
}

impl Default for SyntheticTests {
    fn default() -> Self {
        Self { gigabytes_per_day: default_gigabytes() }
    }
}

fn default_gigabytes() -> i32 {
    20
}
