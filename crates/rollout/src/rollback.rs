//! The way back.
//!
//! A node that fails goes back to the stable revision within the same claim.
//! Nodes that are back, or never left, are not touched; and what serves is taken
//! down only for a revision that was given up as a whole.

use crate::course::Kind;
use crate::situation::{Draft, Situation};
use crate::{Change, Node, Presence, Readiness, Reason, Revision, Wait};

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
        match unready(situation, node) {
            Some(Wait { until: Some(until), .. }) => draft.wake(until),
            Some(Wait { reason, message, .. }) => {
                let (node, revision) = (name.to_owned(), target.clone());
                draft.change(Change::Fail { node, revision, reason, message });
            }
            None => {}
        }
    }
}

/// A station that does not get ready any more, as far as can be seen.
pub(crate) fn is_broken(situation: &Situation<'_>, node: &Node) -> bool {
    unready(situation, node).is_some_and(|wait| wait.until.is_none())
}

/// Why a station is not ready; until when it may take, if it is not too late.
pub(crate) fn unready(situation: &Situation<'_>, node: &Node) -> Option<Wait> {
    let pod = node.pods.iter().find(|pod| !pod.is_terminating)?;
    let Readiness::NotReady { since } = pod.readiness else { return None };
    if let Some(failure) = &pod.failure {
        return Some(Wait::new(Reason::StartFailed, failure.clone()));
    }
    let message = format!("its pod has not been ready since {since}");
    // A kubelet that was silent tells of its node first, and then of its pods.
    let told_since = node.ready_since.map_or(since, |ready| ready.max(since));
    let deadline = told_since + situation.desired.rollout.node_deadline;
    Some(if deadline > situation.now {
        Wait::new(Reason::Starting, message).until(deadline)
    } else {
        Wait::new(Reason::NotReadyInTime, message)
    })
}
