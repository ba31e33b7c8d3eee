//! Who a stream comes from.

use tonic::{Status, metadata::MetadataMap};
use trigpoint_process::tokens::{self, Tokens};
use trigpoint_token_review::Cluster;

use crate::attested::Attested;

/// How streams are told apart by the account that opens them.
///
/// The account is the first half of a spool's transaction names, so that nobody
/// can commit in another's name.
#[derive(Debug, Clone)]
pub enum Authenticator {
    /// Everybody who reaches the service is the account `local`: for a pipe
    /// within one process.
    Local,
    /// A bearer token of a file: pod and node are what a station says of itself.
    Tokens(Tokens),
    /// A token of a pod of a Kubernetes cluster, which says of which pod and node
    /// it is; or one of a file, for stations elsewhere.
    Cluster {
        /// Whose pods.
        cluster: Cluster,
        /// For stations elsewhere.
        tokens: Option<Tokens>,
    },
}

/// Who opened a stream.
#[derive(Debug)]
pub(crate) struct Principal {
    /// The account.
    pub(crate) account: String,
    /// What others than the station know of it.
    pub(crate) attested: Option<Attested>,
}

impl Authenticator {
    /// Who makes a request.
    pub(crate) async fn authenticate(&self, metadata: &MetadataMap) -> Result<Principal, Status> {
        let unknown = || Status::unauthenticated("the bearer token is unknown here");
        match self {
            Self::Local => Ok(by_account("local")),
            Self::Tokens(tokens) => {
                tokens.principal(token(metadata)?).map(by_account).ok_or_else(unknown)
            }
            Self::Cluster { cluster, tokens } => {
                let token = token(metadata)?;
                match tokens.as_ref().and_then(|tokens| tokens.principal(token)) {
                    Some(account) => Ok(by_account(account)),
                    None => of_pod(cluster, token).await,
                }
            }
        }
    }
}

fn token(metadata: &MetadataMap) -> Result<&str, Status> {
    let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
    header
        .and_then(tokens::bearer)
        .ok_or_else(|| Status::unauthenticated("a bearer token is needed"))
}

fn by_account(account: &str) -> Principal {
    Principal { account: account.to_owned(), attested: None }
}

async fn of_pod(cluster: &Cluster, token: &str) -> Result<Principal, Status> {
    let bearer = cluster.review(token).await?;
    let assignment = cluster.assignment(&bearer).await;
    let account = bearer.account.clone();
    Ok(Principal { account, attested: Some(Attested::new(bearer, assignment)) })
}
