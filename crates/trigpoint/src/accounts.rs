//! Whose tokens a service takes, as its command line says.

use std::path::PathBuf;

use anyhow::Context as _;
use trigpoint_process::Failure;
use trigpoint_process::tokens::Tokens;
use trigpoint_token_review::Settings;

/// At least one of the two ways.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Accounts")]
pub(crate) struct AccountFlags {
    /// File with a line `ACCOUNT TOKEN` for each token that may be shown
    #[arg(
        long = "token-file",
        env = "TRIGPOINT_TOKEN_FILE",
        value_name = "FILE",
        required_unless_present = "audience"
    )]
    file: Option<PathBuf>,
    /// Take tokens of pods for this audience, such as trigpoint-collector, if the API
    /// server of this Kubernetes cluster says that they are good
    #[arg(
        long = "token-review",
        env = "TRIGPOINT_TOKEN_REVIEW",
        value_name = "AUDIENCE",
        requires = "namespaces"
    )]
    audience: Option<String>,
    /// Namespaces of those pods: any pod of a cluster may have a token for any audience.
    /// More than once or with commas for several
    #[arg(
        long = "token-review-namespaces",
        env = "TRIGPOINT_TOKEN_REVIEW_NAMESPACES",
        value_name = "NAMESPACE",
        value_delimiter = ',',
        requires = "audience"
    )]
    namespaces: Vec<String>,
}

/// Who may come.
pub(crate) enum Accounts {
    /// Whoever has a token of the file.
    File(Tokens),
    /// Pods, and whoever has a token of the file if there is one.
    Pods(Settings, Option<Tokens>),
}

impl AccountFlags {
    pub(crate) fn load(&self) -> Result<Accounts, Failure> {
        let tokens = self.file.as_deref().map(Tokens::load).transpose();
        let tokens = tokens.map_err(Failure::usage)?;
        let Some(audience) = self.audience.clone() else {
            let tokens = tokens.context("name a token file, or the audience of pods' tokens");
            return Ok(Accounts::File(tokens.map_err(Failure::Usage)?));
        };
        let namespaces = self.namespaces.iter().cloned().collect();
        Ok(Accounts::Pods(Settings { audience, namespaces }, tokens))
    }
}
