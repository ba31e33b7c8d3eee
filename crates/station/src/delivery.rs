//! Where rows go.

use std::path::PathBuf;

use trigpoint_uplink::Endpoint;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub(crate) struct Delivery {
    /// The collector, as in https://collector.example:9400; without one, rows stay in the spool
    #[arg(long, env = "TRIGPOINT_COLLECTOR", value_name = "URI")]
    collector: Option<String>,
    /// Certificates in PEM format to trust instead of the system's; read for each connection
    #[arg(long, env = "TRIGPOINT_COLLECTOR_CA", value_name = "FILE", requires = "collector")]
    collector_ca: Option<PathBuf>,
    /// File that holds the bearer token of this station; read for each connection
    #[arg(long, env = "TRIGPOINT_TOKEN_FILE", value_name = "FILE", requires = "collector")]
    token_file: Option<PathBuf>,
}

impl Delivery {
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        let uri = self.collector.clone()?;
        let (ca_file, token_file) = (self.collector_ca.clone(), self.token_file.clone());
        Some(Endpoint::Remote { uri, ca_file, token_file })
    }
}
