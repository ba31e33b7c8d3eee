//! The query service as the operator asks it for gates.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use trigpoint_operator::{Answering, Gates};
use trigpoint_query::GateClient;
use trigpoint_wire::gate::{MeasureRequest, MeasureResponse};

/// A round waits no longer; a gate without an answer is asked again.
const WITHIN: Duration = Duration::from_mins(1);

/// Which query service measures gates.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Gates")]
pub(super) struct QueryService {
    /// The query service that measures gates, as in grpc+tls://query.trigpoint:9410; without
    /// one, a fleet that has gates pauses at them
    #[arg(long = "query-service", env = "TRIGPOINT_QUERY_SERVICE", value_name = "URL")]
    endpoint: Option<String>,
    /// File with the token for it, read at each question
    #[arg(
        long = "query-token-file",
        env = "TRIGPOINT_QUERY_TOKEN_FILE",
        value_name = "FILE",
        requires = "endpoint"
    )]
    token_file: Option<PathBuf>,
    /// Certificates to trust it by in PEM format, instead of the system's; read at each question
    #[arg(
        long = "query-ca",
        env = "TRIGPOINT_QUERY_CA",
        value_name = "FILE",
        requires = "endpoint"
    )]
    ca: Option<PathBuf>,
}

/// A query service that is known to be one.
#[derive(Debug)]
struct Known {
    endpoint: String,
    token_file: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl QueryService {
    pub(super) fn gates(self) -> Option<Arc<dyn Gates>> {
        let Self { endpoint, token_file, ca } = self;
        Some(Arc::new(Known { endpoint: endpoint?, token_file, ca }))
    }
}

impl Gates for Known {
    fn measure(&self, asked: MeasureRequest) -> Answering<'_> {
        Box::pin(self.ask(asked))
    }
}

impl Known {
    /// On a connection of its own: token and certificates are renewed more often than
    /// a gate is asked.
    async fn ask(&self, asked: MeasureRequest) -> Result<MeasureResponse, String> {
        let token = self.token_file.as_deref().map(read).transpose()?;
        let ca = self.ca.as_deref().map(read).transpose()?;
        let token = token.as_deref().map(str::trim);
        let connecting = GateClient::connect(&self.endpoint, token, ca.as_deref());
        let mut client = connecting.await.map_err(|error| error.to_string())?;
        client.measure(asked, WITHIN).await.map_err(|error| error.to_string())
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
