//! Why the operator, or a round of it, does not go on.

use trigpoint_crd::SCHEMA_VERSION;

/// What ends the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached at the start.
    #[error("cannot {what}: {source}")]
    Api {
        /// What was tried.
        what: String,
        /// What came back.
        source: kube::Error,
    },
    /// A definition is not there.
    #[error("the cluster has no definition `{name}`: install the chart `trigpoint-crds` first")]
    DefinitionMissing {
        /// Name of the definition.
        name: String,
    },
    /// A definition is older than this operator, so the API server would drop
    /// fields that it writes.
    #[error(
        "the definition `{name}` has schema version {found}, and this operator needs \
         {SCHEMA_VERSION}: upgrade the chart `trigpoint-crds` first"
    )]
    DefinitionTooOld {
        /// Name of the definition.
        name: String,
        /// Its version; 0 if it does not say one.
        found: u32,
    },
    /// Another operator has the Lease now.
    #[error("the lease `{name}` is lost: another operator acts now, or the API server is away")]
    LeaseLost {
        /// Name of the Lease.
        name: String,
    },
    /// A metric has its name twice.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// What ends a round; the next one starts from what is there then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// Something is not any more what the plan rests on.
    #[error("{what}: {why}")]
    Refused {
        /// What was tried.
        what: String,
        /// What differs.
        why: String,
    },
    /// The API server refused for another reason, or could not be reached.
    #[error("cannot {what}: {source}")]
    Api {
        /// What was tried.
        what: String,
        /// What came back.
        source: kube::Error,
    },
    /// What a person must change; it is told in the condition `Degraded`.
    #[error("{0}")]
    Invalid(String),
    /// This operator leads no more.
    #[error("the lease is lost")]
    LeaseLost,
}

impl Stop {
    pub(crate) fn refused(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), why: why.into() }
    }

    /// Sorts an answer: a conflict (409) and a failed `test` of a JSON patch (422)
    /// both mean that the world has moved on, and so does an object that is gone.
    pub(crate) fn of(what: impl Into<String>, source: kube::Error) -> Self {
        let what = what.into();
        match &source {
            kube::Error::Api(status) if matches!(status.code, 404 | 409 | 422) => {
                Self::Refused { what, why: status.message.clone() }
            }
            _ => Self::Api { what, source },
        }
    }

    /// The word for metrics.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Api { .. } => "api",
            Self::Invalid(_) => "invalid",
            Self::LeaseLost => "lease_lost",
        }
    }
}
