//! Who shows a token of a Kubernetes service account, as its API server says, and
//! what the operator's records say of that pod.
//!
//! A pod's projected token names its account, its pod and its node, none of which
//! the pod chose; the revision that a node was given and whether that is the stable
//! one are the operator's to say. So a station cannot pass for another, nor a canary
//! for a stable one.
//!
//! [`Cluster`] knows both; [`Reviewer`] only whose a token is, for those who take no
//! rows.
//!
//! It must never ask twice for what it was told minutes ago: the API server is
//! everybody's, and stations come back all at once.

mod assignment;
mod bearer;
mod error;
mod reviewer;

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::{Client, Config};

pub use assignment::Assignment;
pub use bearer::Bearer;
pub use error::{Error, Refusal};
pub use reviewer::Reviewer;

use assignment::Records;

/// Whose tokens are taken.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Audience that a token must be for.
    pub audience: String,
    /// Namespaces of the accounts. Any pod of a cluster may have a token for any
    /// audience, so that the audience alone would let everybody in.
    pub namespaces: BTreeSet<String>,
}

/// The cluster that this process belongs to, as its API server and its operator know
/// it; clones share it.
#[derive(Debug, Clone)]
pub struct Cluster {
    reviewer: Arc<Reviewer>,
    records: Arc<Records>,
}

impl Cluster {
    /// The cluster of `KUBECONFIG` or of the pod that this process runs in; asks it
    /// nothing yet.
    ///
    /// Must be called inside a tokio runtime.
    pub async fn of_this_process(settings: Settings) -> Result<Self, Error> {
        let client = client().await?;
        let records = Records::start(client.clone(), settings.namespaces.clone());
        let reviewer = Reviewer::new(client, settings);
        Ok(Self { reviewer: Arc::new(reviewer), records: Arc::new(records) })
    }

    /// Whose token it is. Asks the API server at most once in five minutes.
    pub async fn review(&self, token: &str) -> Result<Bearer, Refusal> {
        self.reviewer.review(token).await
    }

    /// What the operator assigned to the pod's node; `None` where it keeps no record
    /// or the record cannot be read, which is logged.
    pub async fn assignment(&self, bearer: &Bearer) -> Option<Assignment> {
        self.records.assignment(bearer).await
    }
}

async fn client() -> Result<Client, Error> {
    let config = Config::infer().await.map_err(|source| Error::Config(Box::new(source)))?;
    Client::try_from(config).map_err(Error::Client)
}
