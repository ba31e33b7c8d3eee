//! Who asks.

use tonic::Status;
use tonic::metadata::MetadataMap;
use trigpoint_process::tokens::{self, Tokens};

/// How clients are told apart.
#[derive(Debug, Clone)]
pub enum Authenticator {
    /// Everybody who reaches the service is the account `local`: for loopback.
    Local,
    /// A bearer token of a file.
    Tokens(Tokens),
}

impl Authenticator {
    /// The account of a request.
    pub(crate) fn principal(&self, metadata: &MetadataMap) -> Result<String, Status> {
        let Self::Tokens(tokens) = self else { return Ok("local".to_owned()) };
        let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(tokens::bearer).ok_or_else(|| {
            Status::unauthenticated("a token is needed: send `authorization: Bearer TOKEN`")
        })?;
        tokens
            .principal(token)
            .map(str::to_owned)
            .ok_or_else(|| Status::unauthenticated("the bearer token is unknown here"))
    }
}
