//! `trigpoint fleet plan`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use chrono::Utc;
use trigpoint_operator::fleet::{self, Snapshot};
use trigpoint_process::Failure;

/// Say what the operator would do next for a fleet, and why not more; nothing is changed
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Name of the fleet; with a file that holds one only it may be left out
    #[arg(env = "TRIGPOINT_FLEET", value_name = "FLEET", required_unless_present = "file")]
    name: Option<String>,
    /// Namespace of the fleet
    #[arg(
        long,
        short,
        env = "TRIGPOINT_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "default"
    )]
    namespace: String,
    /// Plan from this file, or - for stdin, instead of from a cluster: what `kubectl get
    /// mfleet,mnode,nodes,pods,controllerrevisions,daemonsets,services,configmaps -o json` printed
    #[arg(long, short, env = "TRIGPOINT_FILE", value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let snapshot = options.snapshot().await?;
    let text =
        fleet::plan(&snapshot, Utc::now()).map_err(|error| Failure::usage(anyhow!(error)))?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

impl Options {
    async fn snapshot(&self) -> Result<Snapshot, Failure> {
        let Some(file) = &self.file else {
            // clap asks for a name where there is no file.
            let name = self.name.as_deref().unwrap_or_default();
            return super::fetch(&self.namespace, name).await;
        };
        let text = if file.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text)?;
            text
        } else {
            fs::read_to_string(file)
                .with_context(|| format!("cannot read `{}`", file.display()))
                .map_err(Failure::Usage)?
        };
        Snapshot::read(&text, self.name.as_deref())
            .map_err(|error| Failure::usage(anyhow!("`{}`: {error}", file.display())))
    }
}
