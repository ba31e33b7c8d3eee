//! `trigpoint fleet pause`, `resume`, `approve`, `rollback`, `drain`, `undrain`.

use std::io::{self, Write as _};

use trigpoint_operator::connect;
use trigpoint_operator::fleet::{Unsaid, Word, say};
use trigpoint_process::Failure;

use super::Fleet;

/// Take no further node; those between two revisions finish
#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    fleet: Fleet,
}

/// Go on, also where failures, lost rows or gates have stopped the fleet
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    fleet: Fleet,
}

/// Let the rollout go on behind a wave
#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    #[command(flatten)]
    fleet: Fleet,
    /// Name of the wave
    #[arg(env = "TRIGPOINT_WAVE", value_name = "WAVE")]
    wave: String,
}

/// Go back to the last stable revision, or to one that is named
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    fleet: Fleet,
    /// Name of the revision, as `kubectl get controllerrevisions` lists them
    #[arg(env = "TRIGPOINT_TO_REVISION", value_name = "REVISION")]
    revision: Option<String>,
}

/// End a node's station without harm to a test, and keep the node without one
#[derive(Debug, clap::Args)]
pub(crate) struct Drain {
    #[command(flatten)]
    fleet: Fleet,
    /// Name of the node
    #[arg(env = "TRIGPOINT_NODE", value_name = "NODE")]
    node: String,
    /// Why, in at least ten characters
    #[arg(long, env = "TRIGPOINT_REASON", value_name = "TEXT")]
    reason: String,
}

/// Give a node its station again
#[derive(Debug, clap::Args)]
pub(crate) struct Undrain {
    #[command(flatten)]
    fleet: Fleet,
    /// Name of the node
    #[arg(env = "TRIGPOINT_NODE", value_name = "NODE")]
    node: String,
}

pub(crate) async fn pause(options: Pause) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Pause).await
}

pub(crate) async fn resume(options: Resume) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Resume).await
}

pub(crate) async fn approve(options: Approve) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Approve { wave: options.wave }).await
}

pub(crate) async fn rollback(options: Rollback) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Rollback { revision: options.revision }).await
}

pub(crate) async fn drain(options: Drain) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Drain { node: options.node, reason: options.reason }).await
}

pub(crate) async fn undrain(options: Undrain) -> Result<(), Failure> {
    tell(&options.fleet, &Word::Undrain { node: options.node }).await
}

async fn tell(fleet: &Fleet, word: &Word) -> Result<(), Failure> {
    let snapshot = fleet.fetch().await?;
    let said = say(&connect().await?, &snapshot, word).await.map_err(|unsaid| match unsaid {
        Unsaid::Mistaken(_) => Failure::usage(unsaid),
        Unsaid::Api { .. } => unsaid.into(),
    })?;
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}
