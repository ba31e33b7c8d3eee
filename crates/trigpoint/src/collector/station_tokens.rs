//! Whose tokens a collector takes.

use std::path::PathBuf;

use anyhow::Context as _;
use trigpoint_collector::Authenticator;
use trigpoint_process::Failure;
use trigpoint_process::tokens::Tokens;
use trigpoint_token_review::{Cluster, Settings};

/// At least one of the two ways.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Stations")]
pub(super) struct StationTokens {
    /// File with a line `ACCOUNT TOKEN` for each token that stations may show
    #[arg(
        long,
        env = "TRIGPOINT_TOKEN_FILE",
        value_name = "FILE",
        required_unless_present = "audience"
    )]
    token_file: Option<PathBuf>,
    /// Take tokens of pods for this audience, such as trigpoint-collector, if the API
    /// server of this Kubernetes cluster says that they are good
    #[arg(
        long = "token-review",
        env = "TRIGPOINT_TOKEN_REVIEW",
        value_name = "AUDIENCE",
        requires = "namespaces"
    )]
    audience: Option<String>,
    /// Namespaces in which stations run: any pod of a cluster may have a token for any
    /// audience. More than once or with commas for several
    #[arg(
        long = "token-review-namespaces",
        env = "TRIGPOINT_TOKEN_REVIEW_NAMESPACES",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        requires = "audience"
    )]
    namespaces: Vec<String>,
}

impl StationTokens {
    /// Must be called inside a tokio runtime.
    pub(super) async fn authenticator(&self) -> Result<Authenticator, Failure> {
        let tokens = self.token_file.as_deref().map(Tokens::load).transpose();
        let tokens = tokens.map_err(Failure::usage)?;
        let Some(audience) = self.audience.clone() else {
            let tokens = tokens.context("name a token file, or the audience of pods' tokens");
            return Ok(Authenticator::Tokens(tokens.map_err(Failure::Usage)?));
        };
        let namespaces = self.namespaces.iter().cloned().collect();
        let cluster = Cluster::of_this_process(Settings { audience, namespaces }).await;
        Ok(Authenticator::Cluster { cluster: cluster.map_err(Failure::usage)?, tokens })
    }
}
