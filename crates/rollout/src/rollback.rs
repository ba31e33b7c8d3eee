//! The way back.
//!
//! A node that fails goes back to the stable revision within the same claim.
//! Nodes that are back, or never left, are not touched; and what serves is taken
//! down only for a revision that was given up as a whole.

use crate::course::Kind;
use crate::situation::{Draft, Situation};
use crate::{Change, Node, Presence, Readiness, Reason, Revision};

/// A claimed node fails with a revision: it turns back, if there is a way back.
pub(crate) fn fail(
    situation: &Situation<'_>,
    draft: &mut Draft,
    name: &str,
    revision: &Revision,
    reason: Reason,
    message: String,
) {
    draft.change(Change::Fail {
        node: name.to_owned(),
        revision: revision.clone(),
        reason,
        message,
    });
    let resumed_at = situation.desired.rollout.resumed_at;
    let way_back = situation
        .course
        .home()
        .filter(|home| *home != revision)
        .filter(|home| draft.ledger.failure(name, home, resumed_at).is_none());
    draft.change(match way_back {
        Some(home) => Change::Turn { node: name.to_owned(), to: home.clone() },
        None => Change::Unclaim { node: name.to_owned(), reason },
    });
}

/// Finds stations that were verified with the target, and broke while it was
/// watched: they failed like one that never started.
pub(crate) fn find_broken(situation: &Situation<'_>, draft: &mut Draft) {
    if situation.course.kind != Kind::Waves {
        return;
    }
    let target = &situation.course.target;
    let resumed_at = situation.desired.rollout.resumed_at;
    for (name, node) in situation.nodes() {
        let is_watched = node.is_selected
            && node.presence == Presence::Ready
            && node.maintenance().is_none()
            && node.label.as_ref() == Some(target)
            && !draft.ledger.claims.contains_key(name)
            && draft.ledger.failure(name, target, resumed_at).is_none();
        if !is_watched {
            continue;
        }
        if let Some((reason, message)) = damage(situation, draft, node) {
            let (node, revision) = (name.to_owned(), target.clone());
            draft.change(Change::Fail { node, revision, reason, message });
        }
    }
}

fn damage(situation: &Situation<'_>, draft: &mut Draft, node: &Node) -> Option<(Reason, String)> {
    let pod = node.pods.iter().find(|pod| !pod.is_terminating)?;
    let Readiness::NotReady { since } = pod.readiness else { return None };
    if let Some(failure) = &pod.failure {
        return Some((Reason::StartFailed, failure.clone()));
    }
    let deadline = since + situation.desired.rollout.node_deadline;
    if deadline > situation.now {
        draft.wake(deadline);
        return None;
    }
    Some((Reason::NotReadyInTime, format!("its pod has not been ready since {since}")))
}
