//! TLS of the client: whom to trust, and what to say when it fails.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Error, Settings, Target};

/// How to speak TLS to a server.
pub(crate) struct ClientSettings(Arc<ClientConfig>);

impl ClientSettings {
    /// Reads the certificates that the settings ask for.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        // The only error is a provider without any cipher suite.
        let builder = ClientConfig::builder_with_provider(Arc::<CryptoProvider>::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls {
                server: settings.target.to_string(),
                source: io::Error::other(error),
            })?;
        let mut config = if settings.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAny(algorithms)))
                .with_no_client_auth()
        } else {
            let roots = match &settings.cacert {
                Some(path) => roots_from_file(path)?,
                None => roots_of_system()?,
            };
            builder.with_root_certificates(roots).with_no_client_auth()
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    /// The TLS handshake.
    pub(crate) async fn connect(
        self,
        target: &Target,
        socket: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Error> {
        let name = ServerName::try_from(target.host_name()).map_err(|error| Error::Tls {
            server: target.to_string(),
            source: io::Error::other(error),
        })?;
        TlsConnector::from(self.0)
            .connect(name, socket)
            .await
            .map_err(|source| explain(target.to_string(), source))
    }
}

/// Tells a certificate that is not trusted from everything else.
fn explain(server: String, source: io::Error) -> Error {
    let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            let reason = match reason {
                rustls::CertificateError::UnknownIssuer => "its issuer is unknown".to_owned(),
                other => other.to_string(),
            };
            Error::Untrusted { server, reason }
        }
        _ => Error::Tls { server, source },
    }
}

fn roots_from_file(path: &Path) -> Result<RootCertStore, Error> {
    let failed = |reason: String| Error::CaFile { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in
        CertificateDer::pem_file_iter(path).map_err(|error| failed(error.to_string()))?
    {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems ship certificates that are too old to parse; those are left out.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map_or_else(|| "none".to_owned(), ToString::to_string);
        return Err(Error::NoSystemCertificates(reason));
    }
    Ok(roots)
}

/// Accepts every certificate (`--insecure`), but still checks that the server
/// holds its key.
#[derive(Debug)]
struct AcceptAny(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
