//! Why an uplink cannot start, and why one of its streams ended.

use std::{error, fmt::Write, io, path::PathBuf, time::Duration};

use trigpoint_wire::ingest::RetryReason;

/// A setting that no uplink can work with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collector's address is not an `http` or `https` URI with a host.
    #[error("`{uri}` is no address of a collector: give one like https://collector.example:9400")]
    Uri {
        /// The address.
        uri: String,
    },
    /// A token would travel in the clear.
    #[error("a token must not be sent to `{uri}` without TLS: use https, or leave the token out")]
    TokenWithoutTls {
        /// The address.
        uri: String,
    },
    /// A file named in the configuration cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The token's file has more in it, or characters that no HTTP header may have.
    #[error("`{}` must hold one token and nothing else", path.display())]
    Token {
        /// The file.
        path: PathBuf,
    },
    /// The certificates to trust are not PEM, or none of them is usable.
    #[error("no usable certificate in `{}`: it must be PEM", path.display())]
    CertificateAuthority {
        /// The file.
        path: PathBuf,
    },
    /// The system has no certificates to trust.
    #[error("the system has no trusted certificates: name the collector's CA file")]
    NoSystemCertificates,
    /// TLS cannot be set up.
    #[error("cannot set up TLS to the collector: {}", chain(source))]
    Tls {
        /// What tonic said.
        source: tonic::transport::Error,
    },
}

/// Batches were still unacknowledged at the deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{batches} batches are not acknowledged yet; the spool keeps them ({bytes} bytes)")]
pub struct NotFlushed {
    /// How many, as far as is known.
    pub batches: u64,
    /// Bytes of the spool on disk.
    pub bytes: u64,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot connect: {}", chain(.0))]
    Connect(tonic::transport::Error),
    #[error("the collector did not {what} within {} s", within.as_secs())]
    TimedOut { what: &'static str, within: Duration },
    #[error("the stream ended: {} ({})", .0.message(), .0.code())]
    Stream(tonic::Status),
    #[error("the collector closed the stream")]
    Closed,
    #[error("the collector's first message was no Welcome")]
    NoWelcome,
    #[error("the collector asks to send again: {reason:?}: {detail}")]
    Retry { after: Duration, reason: RetryReason, detail: String },
    /// A file has become unusable since the start.
    #[error(transparent)]
    Settings(#[from] Error),
    #[error(transparent)]
    Spool(#[from] trigpoint_spool::Error),
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Stream(status)
    }
}

impl Failure {
    /// What kind of failure this is: a person is told once per kind.
    pub(crate) fn kind(&self) -> impl PartialEq + use<> {
        let detail = match self {
            Self::Stream(status) => status.code() as i32,
            Self::Retry { reason, .. } => *reason as i32,
            _ => 0,
        };
        (std::mem::discriminant(self), detail)
    }
}

/// An error with what caused it: tonic's own words are only "transport error".
fn chain(error: &dyn error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
