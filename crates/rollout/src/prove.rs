//! Probe pods: what a node is, and that a revision starts on it.

use std::time::Duration;

use crate::qualification::Qualified;
use crate::situation::{Draft, Situation};
use crate::{Action, Node, Presence, ProbeOutcome, Reason, Revision, Time, Wait};

/// A registry or a Secret may be back by then.
const RETRY: Duration = Duration::from_mins(5);
/// Probe pods of one fleet at once, so that a thousand new nodes do not pull an
/// image at the same moment.
const AT_ONCE: usize = 16;

/// Whether a revision is known to start on a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    Passed,
    /// A probe runs, of this revision or another: one at a time.
    Running,
    Missing,
    Failed(Wait, Time),
}

pub(crate) fn proof(node: &Node, revision: &Revision) -> Proof {
    match node.probe(revision) {
        Some(probe) => match &probe.outcome {
            ProbeOutcome::Passed => Proof::Passed,
            ProbeOutcome::Running => Proof::Running,
            ProbeOutcome::Failed { message } => {
                let retry = probe.at + RETRY;
                let message = format!("`{revision}` does not start on it: {message}");
                Proof::Failed(Wait::new(Reason::ProbeFailed, message).until(retry), retry)
            }
        },
        None if is_probed(node) => Proof::Running,
        None => Proof::Missing,
    }
}

/// Starts a probe, if there is none on that node.
pub(crate) fn probe(draft: &mut Draft, name: &str, node: &Node, revision: &Revision) {
    let is_asked = draft
        .actions
        .iter()
        .any(|action| matches!(action, Action::Probe { node, .. } if node == name));
    if !is_asked && !is_probed(node) && node.own_record().is_some() {
        draft.actions.push(Action::Probe {
            node: name.to_owned(),
            uid: node.uid.clone(),
            revision: revision.clone(),
        });
    }
}

/// Registers nodes, and finds out the facts of those whose facts are missing or old.
pub(crate) fn facts(situation: &Situation<'_>, draft: &mut Draft) {
    for (name, node) in situation.nodes() {
        let is_there = !matches!(node.presence, Presence::Vanished { .. });
        let is_foreign = node.label.as_ref().is_some_and(|label| !situation.desired.owns(label));
        if is_there && !is_foreign && node.own_record().is_none() {
            draft.actions.push(Action::Register { node: name.to_owned(), uid: node.uid.clone() });
        }
    }
    let running = situation.nodes().filter(|(_, node)| is_probed(node)).count();
    let asked = draft.actions.iter().filter(|a| matches!(a, Action::Probe { .. })).count();
    let mut free = AT_ONCE.saturating_sub(running + asked);
    for (name, node) in situation.nodes() {
        // A cordon keeps other pods away; whoever is in flight behind one goes on.
        let is_ours =
            node.is_selected && node.presence == Presence::Ready && node.maintenance().is_none();
        let Some(record) = node.own_record().filter(|_| is_ours) else { continue };
        let Some(revision) = to_probe(situation, node) else { continue };
        let last_probe = record.probes.values().map(|probe| probe.at).max();
        let recheck = situation.desired.qualification.recheck;
        let due = match (situation.verdict(name), &record.facts) {
            (Qualified::Awaiting, _) => Some(situation.now),
            // Nothing was found out: the probe itself failed, or told nothing.
            (Qualified::Unknown(_) | Qualified::Warned(_), None) => {
                last_probe.map(|last| last + RETRY)
            }
            (_, Some(facts)) => recheck.map(|recheck| {
                facts.measured_at.max(last_probe.unwrap_or(facts.measured_at)) + recheck
            }),
            (_, None) => None,
        };
        match due {
            Some(due) if due > situation.now => draft.wake(due),
            Some(_) if free > 0 && !is_probed(node) => {
                free -= 1;
                probe(draft, name, node, revision);
            }
            _ => {}
        }
    }
}

/// By which revision facts are found out: the node's own, or where that does not start
/// any more, as when its image is gone, the one that failed longest ago.
fn to_probe<'a>(situation: &'a Situation<'_>, node: &'a Node) -> Option<&'a Revision> {
    let course = &situation.course;
    let failed_at = |revision: &Revision| match node.probe(revision) {
        Some(probe) if matches!(probe.outcome, ProbeOutcome::Failed { .. }) => Some(probe.at),
        _ => None,
    };
    [node.label.as_ref(), course.home(), Some(&course.target)]
        .into_iter()
        .flatten()
        .filter(|revision| situation.observed.revisions.contains_key(revision))
        .min_by_key(|revision| failed_at(revision))
}

fn is_probed(node: &Node) -> bool {
    node.own_record().is_some_and(|record| {
        record.probes.values().any(|probe| probe.outcome == ProbeOutcome::Running)
    })
}
