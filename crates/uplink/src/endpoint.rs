//! Where the collector is and how it is reached.

use std::{fmt, time::Duration};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
    transport::{self, Channel, ClientTlsConfig, Uri},
};

use crate::{Error, error::Failure, pipe::Pipe};

const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const STREAM_WINDOW_BYTES: u32 = 4 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;

/// A collector's address.
#[derive(Clone)]
pub enum Endpoint {
    /// A collector on the network.
    Remote {
        /// `https://HOST:PORT`, or `http://` where the network is trusted.
        uri: String,
        /// Certificates to trust, as PEM; the system's when absent.
        ca_pem: Option<String>,
        /// Bearer token; only sent over TLS.
        token: Option<String>,
    },
    /// A collector in this process.
    Pipe(Pipe),
}

impl Endpoint {
    /// Whether an uplink would take it; connects to nothing.
    pub fn check(&self) -> Result<(), Error> {
        Connector::new(self).map(drop)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote { uri, ca_pem, token } => formatter
                .debug_struct("Remote")
                .field("uri", uri)
                .field("ca_pem", &ca_pem.is_some())
                .field("token", &token.as_ref().map(|_| "redacted"))
                .finish(),
            Self::Pipe(_) => formatter.write_str("Pipe"),
        }
    }
}

/// An endpoint that was checked.
#[derive(Debug)]
pub(crate) struct Connector {
    endpoint: transport::Endpoint,
    pipe: Option<Pipe>,
    authorization: Option<MetadataValue<Ascii>>,
}

impl Connector {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        match endpoint {
            Endpoint::Remote { uri, ca_pem, token } => {
                Self::remote(uri, ca_pem.as_deref(), token.as_deref())
            }
            Endpoint::Pipe(pipe) => Ok(Self {
                endpoint: tuned(Uri::from_static("http://collector.in-process").into()),
                pipe: Some(pipe.clone()),
                authorization: None,
            }),
        }
    }

    fn remote(uri: &str, ca_pem: Option<&str>, token: Option<&str>) -> Result<Self, Error> {
        let invalid = || Error::Uri { uri: uri.to_owned() };
        let parsed: Uri = uri.parse().map_err(|_| invalid())?;
        if parsed.host().is_none_or(str::is_empty) {
            return Err(invalid());
        }
        let mut endpoint = tuned(parsed.clone().into());
        match parsed.scheme_str() {
            Some("https") => {
                let roots = ca_pem.map_or_else(system_roots, given_roots)?;
                let tls = ClientTlsConfig::new().trust_anchors(roots.roots);
                endpoint = endpoint.tls_config(tls).map_err(|source| Error::Tls { source })?;
            }
            Some("http") if token.is_some() => {
                return Err(Error::TokenWithoutTls { uri: uri.to_owned() });
            }
            Some("http") => {}
            _ => return Err(invalid()),
        }
        Ok(Self { endpoint, pipe: None, authorization: token.map(bearer).transpose()? })
    }

    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        let connected = async {
            match &self.pipe {
                Some(pipe) => self.endpoint.connect_with_connector(pipe.connector()).await,
                None => self.endpoint.connect().await,
            }
        };
        tokio::time::timeout(CONNECT_WITHIN, connected)
            .await
            .map_err(|_| Failure::TimedOut { what: "accept a connection", within: CONNECT_WITHIN })?
            .map_err(Failure::Connect)
    }

    /// Adds the token to a request.
    pub(crate) fn authorize<T>(&self, mut request: Request<T>) -> Request<T> {
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        request
    }
}

/// A peer that went away without a word is noticed within 40 s.
fn tuned(endpoint: transport::Endpoint) -> transport::Endpoint {
    endpoint
        .connect_timeout(CONNECT_WITHIN)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
}

fn bearer(token: &str) -> Result<MetadataValue<Ascii>, Error> {
    let mut value: MetadataValue<Ascii> =
        format!("Bearer {}", token.trim()).parse().map_err(|_| Error::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn given_roots(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| Error::CertificateAuthority)?;
        roots.add(certificate).map_err(|_| Error::CertificateAuthority)?;
    }
    if roots.is_empty() { Err(Error::CertificateAuthority) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(Error::NoSystemCertificates) } else { Ok(roots) }
}
