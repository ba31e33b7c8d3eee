//! What a run is to do.

use std::path::PathBuf;

use crate::Target;

/// The settings of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The server.
    pub target: Target,
    /// Accept any certificate, as curl's option of that name does. The figures
    /// are then those of whoever answers.
    pub insecure: bool,
    /// Trust the certificates in this PEM file instead of the system's.
    pub cacert: Option<PathBuf>,
    /// Leave the download out.
    pub skip_download: bool,
    /// Leave the upload out.
    pub skip_upload: bool,
    /// Bearer token to show the server (RFC 6750), such as one that makes the test a
    /// synthetic one.
    pub token: Option<String>,
}

impl Settings {
    /// Both directions, certificates checked against the system's.
    pub fn new(target: Target) -> Self {
        Self {
            target,
            insecure: false,
            cacert: None,
            skip_download: false,
            skip_upload: false,
            token: None,
        }
    }
}
