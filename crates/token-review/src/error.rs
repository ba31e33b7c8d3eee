//! Why a token is not taken.

use tonic::Status;

/// The cluster cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This process is in no pod, and has no kubeconfig.
    #[error(
        "cannot find the Kubernetes API server: {0}; run in a pod with the token of its account, \
         or set KUBECONFIG"
    )]
    Config(#[source] Box<kube::config::InferConfigError>),
    /// What was found is of no use.
    #[error("cannot use the configuration of the Kubernetes API server: {0}")]
    Client(#[source] kube::Error),
}

/// Why a token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no token of this cluster, or not any more.
    #[error("the API server does not know the token for audience `{audience}`: {reason}")]
    Unknown {
        /// For what it should be.
        audience: String,
        /// What the API server said.
        reason: String,
    },
    /// Its account is elsewhere.
    #[error("the token is of `{account}`, and tokens of its namespace are not taken here")]
    Namespace {
        /// Whose it is.
        account: String,
    },
    /// It is a person's, or no pod's.
    #[error("the token is of `{account}` and bound to no pod and node: project it into a pod")]
    Unbound {
        /// Whose it is.
        account: String,
    },
    /// Nobody knows; it may be asked again.
    #[error("the API server does not review tokens: {reason}")]
    Unavailable {
        /// What the API server or the network said.
        reason: String,
    },
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            // Nobody said that the token is wrong.
            Refusal::Unavailable { .. } => Self::unavailable(message),
            Refusal::Unknown { .. } => Self::unauthenticated(message),
            Refusal::Namespace { .. } | Refusal::Unbound { .. } => Self::permission_denied(message),
        }
    }
}
