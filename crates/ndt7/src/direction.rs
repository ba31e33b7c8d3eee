//! The two subtests.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec;

/// Which way the bulk of the data goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the server to the client.
    Download,
    /// From the client to the server.
    Upload,
}

impl Direction {
    /// The direction that a request path asks for; the match is exact.
    pub fn from_path(path: &str) -> Option<Self> {
        match path {
            spec::DOWNLOAD_URL_PATH => Some(Self::Download),
            spec::UPLOAD_URL_PATH => Some(Self::Upload),
            _ => None,
        }
    }

    /// The path of this subtest.
    pub fn path(self) -> &'static str {
        match self {
            Self::Download => spec::DOWNLOAD_URL_PATH,
            Self::Upload => spec::UPLOAD_URL_PATH,
        }
    }

    /// `download` or `upload`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
