//! What a token says.

use serde::{Deserialize, Serialize};

/// What its bearer may do, where, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// What for.
    #[serde(rename = "sub")]
    pub purpose: Purpose,
    /// The station: the name of its pod, or of its host.
    #[serde(rename = "aud")]
    pub audience: String,
    /// Seconds since the Unix epoch; not good any more from then on.
    #[serde(rename = "exp")]
    pub expires_s: u64,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A speed test that the operator runs itself, and that its row says so of.
    SyntheticTest,
}
