//! What can go wrong in a run, in words that say what to do.

use std::io;
use std::path::PathBuf;

use http::StatusCode;
use trigpoint_ndt7::{Direction, spec};
use trigpoint_websocket::{CloseCode, ProtocolError};

use crate::Summary;

/// A run that did not give every figure that was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{direction} test failed: {source}")]
pub struct Failure {
    /// The direction that failed.
    pub direction: Direction,
    /// What had finished before.
    pub completed: Box<Summary>,
    /// Why it failed.
    pub source: Error,
}

/// Why one direction failed. Messages contain their causes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's name has no address.
    #[error("look up the address of `{host}`: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No TCP connection.
    #[error("connect to `{server}`: {source}")]
    Connect {
        /// The server, with the address that was tried last.
        server: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file of trusted certificates cannot be used.
    #[error("read certificates from `{path}`: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no trusted certificates.
    #[error(
        "find the system's trusted certificates: {0}; install them (ca-certificates) or name a file with `--cacert`"
    )]
    NoSystemCertificates(String),
    /// The server's certificate is not trusted.
    #[error(
        "certificate of `{server}` is not trusted ({reason}): name its issuer with `--cacert FILE`, or accept it unchecked with `--insecure`"
    )]
    Untrusted {
        /// The server.
        server: String,
        /// What is wrong with the certificate.
        reason: String,
    },
    /// The TLS handshake failed otherwise.
    #[error("TLS handshake with `{server}`: {source}; a server without TLS is tested as `ws://…`")]
    Tls {
        /// The server.
        server: String,
        /// What rustls said.
        source: io::Error,
    },
    /// The HTTP request failed.
    #[error("open a WebSocket on `{server}`: {source}")]
    Request {
        /// The server.
        server: String,
        /// What hyper said.
        source: hyper::Error,
    },
    /// The server has as many tests as it takes.
    #[error("`{server}` is busy, try again {}", retry(.retry_after_s.as_ref()))]
    Busy {
        /// The server.
        server: String,
        /// The server's `Retry-After`, seconds.
        retry_after_s: Option<u64>,
    },
    /// The server answered something else than a WebSocket.
    #[error("`{server}` answered {status} to `{path}`: is it an ndt7 server?")]
    Refused {
        /// The server.
        server: String,
        /// Path of the test.
        path: &'static str,
        /// Its answer.
        status: StatusCode,
    },
    /// The server's handshake is not one.
    #[error("`{server}` answered a wrong WebSocket handshake: {reason}")]
    NotWebSocket {
        /// The server.
        server: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A step before the test took too long.
    #[error("{operation} `{server}`: no answer within {} s", spec::IO_TIMEOUT.as_secs())]
    NoAnswer {
        /// What was done.
        operation: &'static str,
        /// The server.
        server: String,
    },
    /// No byte moved.
    #[error("`{server}` stalled: no byte moved for {} s", spec::IO_TIMEOUT.as_secs())]
    Stalled {
        /// The server.
        server: String,
    },
    /// The server did not end the test in time.
    #[error("`{server}` did not end the test within {} s", spec::MAX_RUNTIME.as_secs())]
    TooLong {
        /// The server.
        server: String,
    },
    /// The connection broke.
    #[error("connection to `{server}` broke after {bytes} bytes: {source}")]
    Broken {
        /// The server.
        server: String,
        /// Payload bytes that had moved.
        bytes: u64,
        /// What the kernel or TLS said.
        source: io::Error,
    },
    /// The connection ended without a Close frame.
    #[error("`{server}` ended the connection in the middle of the test, after {bytes} bytes")]
    Ended {
        /// The server.
        server: String,
        /// Payload bytes that had moved.
        bytes: u64,
    },
    /// The server ended the test with an error.
    #[error("`{server}` ended the test with code {code} `{reason}`")]
    Closed {
        /// The server.
        server: String,
        /// Its close code.
        code: CloseCode,
        /// Its words.
        reason: String,
    },
    /// The server broke the WebSocket protocol.
    #[error("`{server}` broke the WebSocket protocol: {source}")]
    Protocol {
        /// The server.
        server: String,
        /// What it did.
        source: ProtocolError,
    },
    /// The server sent more measurements than a test can have.
    #[error("`{server}` sent more than {limit} measurements")]
    TooManyMeasurements {
        /// The server.
        server: String,
        /// How many are kept.
        limit: usize,
    },
    /// The test ended well but gave no rate.
    #[error("`{server}` ended the test without {missing}")]
    NoRate {
        /// The server.
        server: String,
        /// What was missing.
        missing: &'static str,
    },
}

fn retry(seconds: Option<&u64>) -> String {
    seconds.map_or_else(|| "later".to_owned(), |seconds| format!("in {seconds} s"))
}
