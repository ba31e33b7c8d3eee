//! The pair of keys, as PEM.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// Of every Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4): the rest
/// are the 32 bytes of the key.
const PUBLIC_KEY_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A file holds no key of the kind that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no Ed25519 {what} in PEM format (make one with `openssl {command}`)")]
pub struct KeyError {
    what: &'static str,
    command: &'static str,
}

/// The secret half: whoever has it may sign.
pub struct SigningKey(pub(crate) Ed25519KeyPair);

/// The public half.
#[derive(Debug, Clone)]
pub struct VerifyingKey(pub(crate) UnparsedPublicKey<[u8; 32]>);

impl SigningKey {
    /// Reads PKCS #8 in PEM format.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let error = KeyError { what: "private key", command: "genpkey -algorithm ed25519" };
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|_| error.clone())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| error)
    }
}

impl VerifyingKey {
    /// Reads a SubjectPublicKeyInfo in PEM format.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError { what: "public key", command: "pkey -pubout" };
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).map_err(|_| error())?;
        let bytes = der.as_ref().strip_prefix(&PUBLIC_KEY_PREFIX).ok_or_else(error)?;
        let bytes = bytes.try_into().map_err(|_| error())?;
        Ok(Self(UnparsedPublicKey::new(&ED25519, bytes)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey(redacted)")
    }
}
