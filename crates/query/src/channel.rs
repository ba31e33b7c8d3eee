//! The way to a query service of elsewhere.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use rustls::RootCertStore;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};

const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none of a query service.
    #[error("`{endpoint}` is no address of a query service: write it like `grpc+tls://HOST:9410`")]
    Address {
        /// As it was given.
        endpoint: String,
    },
    /// Everybody on the way could read the token.
    #[error("the token would go to `{endpoint}` in clear text: use grpc+tls://")]
    TokenWithoutTls {
        /// As it was given.
        endpoint: String,
    },
    /// The token cannot be sent.
    #[error("the token holds characters that no header may: one line of letters, digits and signs")]
    Token,
    /// Nobody answers there.
    #[error("cannot connect to `{endpoint}`: {reason}")]
    Connect {
        /// As it was given.
        endpoint: String,
        /// What happened.
        reason: String,
    },
    /// What the service said.
    #[error("{0}")]
    Refused(String),
}

/// Connects to `grpc://HOST:PORT` or `grpc+tls://HOST:PORT` (or `http://`,
/// `https://`), where it trusts the certificates of `ca_pem`, or else the system's.
pub(crate) async fn connect(
    endpoint: &str,
    has_token: bool,
    ca_pem: Option<&str>,
) -> Result<Channel, ClientError> {
    let address = || ClientError::Address { endpoint: endpoint.to_owned() };
    let (scheme, rest) = endpoint.split_once("://").ok_or_else(address)?;
    let is_tls = match scheme {
        "grpc" | "grpc+tcp" | "http" => false,
        "grpc+tls" | "https" => true,
        _ => return Err(address()),
    };
    let scheme = if is_tls { "https" } else { "http" };
    let uri: Uri = format!("{scheme}://{rest}").parse().map_err(|_| address())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(address)?.to_owned();
    if !is_tls && has_token && !is_loopback(&host) {
        return Err(ClientError::TokenWithoutTls { endpoint: endpoint.to_owned() });
    }
    let failed = |reason: String| ClientError::Connect { endpoint: endpoint.to_owned(), reason };
    let mut channel = Endpoint::from(uri).connect_timeout(CONNECT_WITHIN).tcp_nodelay(true);
    if is_tls {
        let tls = ClientTlsConfig::new();
        let tls = match ca_pem {
            Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
            None => tls.trust_anchors(system_roots().roots),
        };
        channel = channel.tls_config(tls).map_err(|error| failed(chain(&error)))?;
    }
    channel.connect().await.map_err(|error| failed(chain(&error)))
}

fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// An error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !line.contains(&cause_words) {
            line = format!("{line}: {cause_words}");
        }
        source = cause.source();
    }
    line
}
