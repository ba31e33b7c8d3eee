//! Where rows go.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use trigpoint_uplink::Endpoint;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct Delivery {
    /// The collector, as in https://collector.example:9400; without one, rows stay in the spool
    #[arg(long, env = "TRIGPOINT_COLLECTOR", value_name = "URI")]
    collector: Option<String>,
    /// Certificates in PEM format to trust instead of the system's
    #[arg(long, env = "TRIGPOINT_COLLECTOR_CA", value_name = "FILE", requires = "collector")]
    collector_ca: Option<PathBuf>,
    /// File that holds the bearer token of this station
    #[arg(long, env = "TRIGPOINT_TOKEN_FILE", value_name = "FILE", requires = "collector")]
    token_file: Option<PathBuf>,
}

impl Delivery {
    pub(crate) fn endpoint(&self) -> anyhow::Result<Option<Endpoint>> {
        let Some(uri) = self.collector.clone() else { return Ok(None) };
        let ca_pem = self.collector_ca.as_deref().map(read).transpose()?;
        let token = self.token_file.as_deref().map(token).transpose()?;
        Ok(Some(Endpoint::Remote { uri, ca_pem, token }))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The whole file but the white space around it.
fn token(path: &Path) -> anyhow::Result<String> {
    let text = read(path)?;
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_whitespace) {
        bail!("`{}` must hold one token and nothing else", path.display());
    }
    Ok(token.to_owned())
}
