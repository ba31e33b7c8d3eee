//! Who asks.

use std::sync::Arc;

use tonic::Status;
use tonic::metadata::MetadataMap;
use trigpoint_process::tokens::{self, Tokens};
use trigpoint_token_review::Reviewer;

/// How clients are told apart.
#[derive(Debug, Clone)]
pub enum Authenticator {
    /// Everybody who reaches the service is the account `local`: for loopback.
    Local,
    /// A bearer token of a file.
    Tokens(Tokens),
    /// A token of a pod of a Kubernetes cluster; or one of a file, for people and for
    /// programs elsewhere.
    Pods {
        /// Who knows them.
        reviewer: Arc<Reviewer>,
        /// Those of the file.
        tokens: Option<Tokens>,
    },
}

impl Authenticator {
    /// The account of a request.
    pub(crate) async fn principal(&self, metadata: &MetadataMap) -> Result<String, Status> {
        let (tokens, reviewer) = match self {
            Self::Local => return Ok("local".to_owned()),
            Self::Tokens(tokens) => (Some(tokens), None),
            Self::Pods { reviewer, tokens } => (tokens.as_ref(), Some(reviewer)),
        };
        let token = token(metadata)?;
        if let Some(account) = tokens.and_then(|tokens| tokens.principal(token)) {
            return Ok(account.to_owned());
        }
        match reviewer {
            Some(reviewer) => Ok(reviewer.review(token).await?.account),
            None => Err(Status::unauthenticated("the bearer token is unknown here")),
        }
    }
}

fn token(metadata: &MetadataMap) -> Result<&str, Status> {
    let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
    header.and_then(tokens::bearer).ok_or_else(|| {
        Status::unauthenticated("a token is needed: send `authorization: Bearer TOKEN`")
    })
}
