//! Who a stream comes from.

use tonic::{Status, metadata::MetadataMap};

mod tokens;

pub use tokens::{TokenFileError, Tokens};

/// How streams are told apart by the account that opens them.
///
/// The account is the first half of a spool's transaction names, so that nobody
/// can commit in another's name; pod and node are what a station says of itself.
#[derive(Debug, Clone)]
pub enum Authenticator {
    /// Everybody who reaches the service is the account `local`: for a pipe
    /// within one process.
    Local,
    /// A bearer token of a file.
    Tokens(Tokens),
}

impl Authenticator {
    /// The account of a request.
    pub(crate) fn principal(&self, metadata: &MetadataMap) -> Result<String, Status> {
        match self {
            Self::Local => Ok("local".to_owned()),
            Self::Tokens(tokens) => {
                let token = bearer(metadata)
                    .ok_or_else(|| Status::unauthenticated("a bearer token is needed"))?;
                tokens
                    .principal(token)
                    .map(str::to_owned)
                    .ok_or_else(|| Status::unauthenticated("the bearer token is unknown here"))
            }
        }
    }
}

/// The token of `authorization: Bearer TOKEN` (RFC 6750, section 2.1).
fn bearer(metadata: &MetadataMap) -> Option<&str> {
    let value = metadata.get("authorization")?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
