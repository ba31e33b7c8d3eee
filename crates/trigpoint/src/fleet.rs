//! `trigpoint fleet`: how fleets of stations stand, what they do next, and a word
//! that changes that.

mod plan;
mod status;
mod steer;

use anyhow::anyhow;
use clap::Subcommand;
use trigpoint_operator::connect;
use trigpoint_operator::fleet::Snapshot;
use trigpoint_process::Failure;

/// Ask and steer fleets of stations on Kubernetes
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Options),
    Plan(plan::Options),
    Pause(steer::Pause),
    Resume(steer::Resume),
    Approve(steer::Approve),
    Rollback(steer::Rollback),
    Drain(steer::Drain),
    Undrain(steer::Undrain),
}

/// Which fleet is meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Fleet {
    /// Name of the fleet
    #[arg(env = "TRIGPOINT_FLEET", value_name = "FLEET")]
    name: String,
    /// Namespace of the fleet
    #[arg(
        long,
        short,
        env = "TRIGPOINT_NAMESPACE",
        value_name = "NAMESPACE",
        default_value = "default"
    )]
    namespace: String,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    match options.command {
        Command::Status(options) => status::run(options).await,
        Command::Plan(options) => plan::run(options).await,
        Command::Pause(options) => steer::pause(options).await,
        Command::Resume(options) => steer::resume(options).await,
        Command::Approve(options) => steer::approve(options).await,
        Command::Rollback(options) => steer::rollback(options).await,
        Command::Drain(options) => steer::drain(options).await,
        Command::Undrain(options) => steer::undrain(options).await,
    }
}

impl Fleet {
    /// The fleet and what is of it, by the kubeconfig, or by the pod's own account.
    async fn fetch(&self) -> Result<Snapshot, Failure> {
        fetch(&self.namespace, &self.name).await
    }
}

async fn fetch(namespace: &str, name: &str) -> Result<Snapshot, Failure> {
    let found = Snapshot::fetch(&connect().await?, namespace, name).await?;
    found.ok_or_else(|| {
        Failure::usage(anyhow!(
            "there is no fleet `{name}` in namespace `{namespace}`; `kubectl get mfleet \
             --all-namespaces` lists all"
        ))
    })
}
