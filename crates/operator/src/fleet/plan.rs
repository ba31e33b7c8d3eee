//! What a fleet would do next, and why not more.

use std::fmt::Write as _;

use kube::ResourceExt as _;
use trigpoint_rollout::{Action, Change, Time};

use super::snapshot::Snapshot;
use super::table::{or_dash, table};
use crate::desired::desired;
use crate::observed::{Seen, observed};
use crate::revisions;

/// Plans at that time, as the operator does, but asks neither the collector nor
/// stations: they are taken to be well.
pub fn plan(snapshot: &Snapshot, now: Time) -> Result<String, String> {
    let view = &snapshot.0;
    let newest = revisions::newest(view).map_err(|error| error.to_string())?;
    let mut text = String::new();
    if !newest.is_stored {
        let _ = writeln!(text, "next: store revision {}", newest.revision);
    }
    let desired = desired(&view.fleet, newest.revision).map_err(|error| error.to_string())?;
    let observed = observed(view, &mut Seen::default(), now).map_err(|error| error.to_string())?;
    let plan = trigpoint_rollout::plan(&desired, &observed, now);
    let report = &plan.fleet;
    let _ = writeln!(
        text,
        "fleet {}: {}: {}",
        view.fleet.name_any(),
        report.progressing.reason,
        report.progressing.message
    );
    if let Some(paused) = &report.paused {
        let _ = writeln!(text, "paused: {}: {}", paused.reason, paused.message);
    }
    for action in &plan.actions {
        for line in steps(action) {
            let _ = writeln!(text, "next: {line}");
        }
    }
    if let Some(wake_at) = plan.wake_at {
        let _ = writeln!(text, "looks again at {}", wake_at.format("%Y-%m-%d %H:%M:%S UTC"));
    }
    let header = ["NODE", "HAS", "IS TO HAVE", "WHY NOT"].map(str::to_owned);
    let rows = plan.nodes.iter().map(|(name, node)| {
        let wait = node.wait.as_ref().map(|wait| format!("{}: {}", wait.reason, wait.message));
        [
            name.clone(),
            or_dash(node.revision.as_ref()),
            or_dash(node.wanted.as_ref()),
            wait.unwrap_or_default(),
        ]
    });
    text.push('\n');
    text.push_str(&table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
    Ok(text)
}

/// An action in words: one line, or one for each change of the ledger.
pub(crate) fn steps(action: &Action) -> Vec<String> {
    match action {
        Action::Register { node, .. } => vec![format!("make the record of {node}")],
        Action::Probe { node, revision, .. } => vec![format!("probe {node} for {revision}")],
        Action::SelfTest { node, .. } => vec![format!("test the station of {node}")],
        Action::Release { node, .. } => vec![format!("release {node}")],
        Action::Assign { node, revision, .. } => vec![format!("give {revision} to {node}")],
        Action::CreateDaemonSet { revision } => vec![format!("make the DaemonSet of {revision}")],
        Action::DeleteDaemonSet { revision } => {
            vec![format!("delete the DaemonSet of {revision}")]
        }
        Action::DeleteRevision { revision } => vec![format!("delete revision {revision}")],
        Action::Measure { gate, wave, .. } => vec![format!("measure gate {gate} of wave {wave}")],
        Action::Promote { revision } => vec![format!("make {revision} the stable revision")],
        Action::Record { changes, .. } => changes.iter().map(change).collect(),
        Action::RemoveFinalizer => vec!["let the fleet go".to_owned()],
    }
}

fn change(change: &Change) -> String {
    match change {
        Change::Begin { revision } => format!("begin the rollout of {revision}"),
        Change::Claim { node, from, to, .. } => {
            format!("claim {node}, from {} to {}", or_dash(from.as_ref()), or_dash(to.as_ref()))
        }
        Change::Turn { node, to } => format!("turn {node} to {to}"),
        Change::Renew { node } => format!("give {node} its full time again"),
        Change::Unclaim { node, reason } => format!("end the claim of {node}: {reason}"),
        Change::Fail { node, revision, reason, message } => {
            format!("count {node} as failed with {revision}: {reason}: {message}")
        }
        Change::LoseRows { node, rows } => format!("count {rows} rows of {node} as lost"),
        Change::PassWave { wave } => format!("pass wave {wave}"),
    }
}
