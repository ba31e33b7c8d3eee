//! The certificate of a listener: from PEM files, or made once and kept; and the
//! connections that come through their handshake with it.
//!
//! rustls with aws-lc-rs everywhere: twice as fast as ring on the bulk path.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};

mod handshakes;
mod rotation;
mod self_signed;
#[cfg(test)]
mod tests;

pub use handshakes::handshakes;
use rotation::{LOOK_EVERY, Rotating};

/// A certificate chain with its private key, as PEM.
#[derive(Clone)]
pub struct Certificate {
    /// The chain, leaf first.
    pub chain_pem: String,
    /// The private key.
    pub key_pem: String,
    chain_path: PathBuf,
    key_path: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file named in the configuration cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A made certificate cannot be kept.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file or its directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` holds no usable {what} in PEM format: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What the parser said.
        source: pem::Error,
    },
    /// Certificate and key do not fit together or into rustls.
    #[error("cannot use the certificate `{}`: {source}", path.display())]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// Makes aws-lc-rs the process's provider for code that asks for a default one.
/// Called first in every `main`; later calls change nothing.
pub fn install_provider() {
    let _ = aws_lc_rs::default_provider().install_default();
}

/// The provider of every TLS configuration here.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Loads a certificate chain and its private key.
pub fn load(chain_path: &Path, key_path: &Path) -> Result<Certificate, Error> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })
    };
    Ok(Certificate {
        chain_pem: read(chain_path)?,
        key_pem: read(key_path)?,
        chain_path: chain_path.into(),
        key_path: key_path.into(),
    })
}

/// The self-signed certificate kept in `dir`, made there on first use.
///
/// It names `localhost`, the host name and the host's addresses, and is its own
/// authority: `chain_path()` is what a client trusts.
pub fn self_signed(dir: &Path) -> Result<Certificate, Error> {
    self_signed::load_or_make(dir)
}

impl Certificate {
    /// The file the chain came from.
    pub fn chain_path(&self) -> &Path {
        &self.chain_path
    }

    /// A server's configuration that offers `protocols` by ALPN, and shows each
    /// client what the files hold then.
    ///
    /// The client's order of ciphers is honoured, so that a phone without AES
    /// instructions gets ChaCha20.
    pub fn server_config(&self, protocols: &[&str]) -> Result<Arc<ServerConfig>, Error> {
        let unusable = |source| Error::Unusable { path: self.chain_path.clone(), source };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Rotating::new(self.clone(), LOOK_EVERY)?));
        config.ignore_client_order = false;
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// Certificate and key, which fit together.
    fn certified_key(&self) -> Result<CertifiedKey, Error> {
        let chain = chain_of(self)?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes())
            .map_err(|source| pem_error(&self.key_path, "private key", source))?;
        CertifiedKey::from_der(chain, key, &provider())
            .map_err(|source| Error::Unusable { path: self.chain_path.clone(), source })
    }
}

fn chain_of(certificate: &Certificate) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
        .map_err(|source| pem_error(&certificate.chain_path, "certificate", source))
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key must not reach a log.
        formatter
            .debug_struct("Certificate")
            .field("chain_path", &self.chain_path)
            .finish_non_exhaustive()
    }
}

fn pem_error(path: &Path, what: &'static str, source: pem::Error) -> Error {
    Error::Pem { path: path.into(), what, source }
}
