//! Where the collector is and how it is reached.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

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
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// A collector on the network.
    ///
    /// The files are read for each stream anew: whoever keeps them writes new ones
    /// before the old ones expire.
    Remote {
        /// `https://HOST:PORT`, or `http://` where the network is trusted.
        uri: String,
        /// File with certificates to trust, as PEM; the system's when absent.
        ca_file: Option<PathBuf>,
        /// File that holds a bearer token and nothing else; only sent over TLS.
        token_file: Option<PathBuf>,
    },
    /// A collector in this process.
    Pipe(Pipe),
}

impl Endpoint {
    /// Whether an uplink would take it, files and all; connects to nothing.
    pub fn check(&self) -> Result<(), Error> {
        Connector::new(self).map(drop)
    }

    /// `HOST:PORT` of a collector on the network.
    pub fn host_and_port(&self) -> Option<String> {
        let Self::Remote { uri, .. } = self else { return None };
        let uri: Uri = uri.parse().ok()?;
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        Some(format!("{}:{}", uri.host()?, uri.port_u16().unwrap_or(usual)))
    }
}

/// An endpoint that was checked.
#[derive(Debug)]
pub(crate) struct Connector {
    endpoint: transport::Endpoint,
    pipe: Option<Pipe>,
    is_secure: bool,
    ca_file: Option<PathBuf>,
    token_file: Option<PathBuf>,
}

impl Connector {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, Error> {
        let connector = match endpoint {
            Endpoint::Remote { uri, ca_file, token_file } => {
                Self::remote(uri, ca_file.clone(), token_file.clone())?
            }
            Endpoint::Pipe(pipe) => Self {
                endpoint: tuned(Uri::from_static("http://collector.in-process").into()),
                pipe: Some(pipe.clone()),
                is_secure: false,
                ca_file: None,
                token_file: None,
            },
        };
        connector.current()?;
        connector.authorization()?;
        Ok(connector)
    }

    fn remote(
        uri: &str,
        ca_file: Option<PathBuf>,
        token_file: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let invalid = || Error::Uri { uri: uri.to_owned() };
        let parsed: Uri = uri.parse().map_err(|_| invalid())?;
        if parsed.host().is_none_or(str::is_empty) {
            return Err(invalid());
        }
        let is_secure = match parsed.scheme_str() {
            Some("https") => true,
            Some("http") if token_file.is_some() => {
                return Err(Error::TokenWithoutTls { uri: uri.to_owned() });
            }
            Some("http") => false,
            _ => return Err(invalid()),
        };
        Ok(Self { endpoint: tuned(parsed.into()), pipe: None, is_secure, ca_file, token_file })
    }

    /// The endpoint with the certificates that are to be trusted now.
    fn current(&self) -> Result<transport::Endpoint, Error> {
        if !self.is_secure {
            return Ok(self.endpoint.clone());
        }
        let roots = self.ca_file.as_deref().map_or_else(system_roots, roots_of)?;
        let tls = ClientTlsConfig::new().trust_anchors(roots.roots);
        self.endpoint.clone().tls_config(tls).map_err(|source| Error::Tls { source })
    }

    /// The token as it is now.
    fn authorization(&self) -> Result<Option<MetadataValue<Ascii>>, Error> {
        self.token_file.as_deref().map(bearer).transpose()
    }

    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        let endpoint = self.current()?;
        let connected = async {
            match &self.pipe {
                Some(pipe) => endpoint.connect_with_connector(pipe.connector()).await,
                None => endpoint.connect().await,
            }
        };
        tokio::time::timeout(CONNECT_WITHIN, connected)
            .await
            .map_err(|_| Failure::TimedOut { what: "accept a connection", within: CONNECT_WITHIN })?
            .map_err(Failure::Connect)
    }

    /// Adds the token to a request.
    pub(crate) fn authorize<T>(&self, mut request: Request<T>) -> Result<Request<T>, Failure> {
        if let Some(value) = self.authorization()? {
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
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

fn bearer(file: &Path) -> Result<MetadataValue<Ascii>, Error> {
    let unusable = || Error::Token { path: file.to_owned() };
    let text = read(file)?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(unusable());
    }
    let mut value: MetadataValue<Ascii> =
        format!("Bearer {token}").parse().map_err(|_| unusable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn roots_of(file: &Path) -> Result<RootCertStore, Error> {
    let unusable = || Error::CertificateAuthority { path: file.to_owned() };
    let pem = read(file)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let certificate = certificate.map_err(|_| unusable())?;
        roots.add(certificate).map_err(|_| unusable())?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

fn read(file: &Path) -> Result<String, Error> {
    let failed = |source: io::Error| Error::Read { path: file.to_owned(), source };
    fs::read_to_string(file).map_err(failed)
}

fn system_roots() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(Error::NoSystemCertificates) } else { Ok(roots) }
}
