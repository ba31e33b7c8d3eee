//! Who a stream comes from.

use tonic::{Status, metadata::MetadataMap};
use trigpoint_process::tokens::{self, Tokens};

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
                let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
                let token = header
                    .and_then(tokens::bearer)
                    .ok_or_else(|| Status::unauthenticated("a bearer token is needed"))?;
                tokens
                    .principal(token)
                    .map(str::to_owned)
                    .ok_or_else(|| Status::unauthenticated("the bearer token is unknown here"))
            }
        }
    }
}
