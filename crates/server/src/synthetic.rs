//! Tests that the operator of a fleet runs itself, while no users come.
//!
//! That a test is one of them is proven by a token, never by what a client says of
//! itself: whoever could say so could keep its own tests out of the gates.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use http::{HeaderMap, header};
use trigpoint_access_token::{Invalid, KeyError, Purpose, VerifyingKey, verify};
use trigpoint_ndt7::Metadata;
use trigpoint_process::tokens;
use trigpoint_record::tables::speed_tests::SYNTHETIC_CLIENT_NAME;

/// Whose tests are synthetic.
#[derive(Debug, Clone)]
pub struct Synthetic {
    /// File with the public key, in PEM format; read for each token, of which there
    /// are few.
    pub key_file: PathBuf,
    /// Name of this station in tokens.
    pub audience: String,
}

/// Why a token does not make a test synthetic.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key's file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It holds no key.
    #[error("`{}` holds {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The token is of no use here.
    #[error(transparent)]
    Token(#[from] Invalid),
}

impl Synthetic {
    /// The key as it is now.
    pub(crate) fn key(&self) -> Result<VerifyingKey, Error> {
        let path = || self.key_file.clone();
        let text = fs::read_to_string(&self.key_file)
            .map_err(|source| Error::Read { path: path(), source })?;
        VerifyingKey::from_pem(&text).map_err(|source| Error::Key { path: path(), source })
    }

    fn check(&self, token: &str) -> Result<(), Error> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let purpose = Purpose::SyntheticTest;
        Ok(verify(&self.key()?, token, purpose, &self.audience, now.as_secs())?)
    }
}

/// Whether a request proves that its test is synthetic.  A station without a key
/// looks at no token.
pub(crate) fn is_synthetic(
    synthetic: Option<&Synthetic>,
    headers: &HeaderMap,
) -> Result<bool, Error> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match synthetic.zip(header.and_then(tokens::bearer)) {
        Some((synthetic, token)) => synthetic.check(token).map(|()| true),
        None => Ok(false),
    }
}

/// Says in what is stored of a client whether its test is synthetic: the name is
/// given to those that are, and taken from those that only say so.
pub(crate) fn mark(metadata: &mut Vec<Metadata>, is_synthetic: bool) {
    const NAME: &str = "client_name";
    metadata
        .retain(|pair| pair.name != NAME || !(is_synthetic || pair.value == SYNTHETIC_CLIENT_NAME));
    if is_synthetic {
        let (name, value) = (NAME.to_owned(), SYNTHETIC_CLIENT_NAME.to_owned());
        metadata.push(Metadata { name, value });
    }
}
