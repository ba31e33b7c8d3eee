//! Revisions as objects: when one is promoted, and which are kept.

use std::collections::BTreeSet;

use crate::course::Kind;
use crate::situation::{Draft, Situation};
use crate::{Action, Revision, stops};

/// Promotes the target when all of the fleet has proven it.
pub(crate) fn promote(situation: &Situation<'_>, draft: &mut Draft) {
    let course = &situation.course;
    // Only what is written down already: a wave that passes in this very plan, or a
    // handoff that ends in it, may turn out not to.
    let ledger = &situation.observed.ledger;
    if course.stable.as_ref() == Some(&course.target)
        || !situation.has_begun()
        || !situation.observed.revisions.contains_key(&course.target)
        || stops::stop(situation, ledger).is_some()
    {
        return;
    }
    let is_proven = match course.kind {
        Kind::Waves => situation.open_wave(ledger).is_none(),
        Kind::Install | Kind::Return => is_everywhere(situation),
    };
    if is_proven && is_somewhere(situation) {
        draft.actions.push(Action::Promote { revision: course.target.clone() });
    }
}

/// A station has proven it: its handoff is over, and it serves without having failed.
fn is_somewhere(situation: &Situation<'_>) -> bool {
    let (target, ledger) = (&situation.course.target, &situation.observed.ledger);
    let resumed_at = situation.desired.rollout.resumed_at;
    situation.nodes().any(|(name, node)| {
        node.label.as_ref() == Some(target)
            && situation.serves_since(node).is_some()
            && !ledger.claims.contains_key(name)
            && ledger.failure(name, target, resumed_at).is_none()
    })
}

/// Every node that could have it has it, and serves.
fn is_everywhere(situation: &Situation<'_>) -> bool {
    let (target, ledger) = (&situation.course.target, &situation.observed.ledger);
    let resumed_at = situation.desired.rollout.resumed_at;
    situation.nodes().all(|(name, node)| {
        if situation.is_awaited(name, node) || ledger.claims.contains_key(name) {
            return false;
        }
        let is_wanted = situation.qualifies(name, node)
            && node.is_usable()
            && node.maintenance().is_none()
            && ledger.failure(name, target, resumed_at).is_none();
        !is_wanted
            || (node.label.as_ref() == Some(target) && situation.serves_since(node).is_some())
    })
}

/// Makes the DaemonSets that are needed, and deletes what nobody needs any more.
pub(crate) fn keep(situation: &Situation<'_>, draft: &mut Draft) {
    let revisions = &situation.observed.revisions;
    let used = used(situation, draft);
    for (revision, record) in revisions {
        if used.contains(revision) && !record.has_daemon_set {
            draft.actions.push(Action::CreateDaemonSet { revision: revision.clone() });
        }
        if !used.contains(revision) && record.has_daemon_set {
            draft.actions.push(Action::DeleteDaemonSet { revision: revision.clone() });
        }
    }
    let mut unused: Vec<_> =
        revisions.iter().filter(|(revision, _)| !used.contains(*revision)).collect();
    unused.sort_by_key(|(_, record)| std::cmp::Reverse(record.created_at));
    for (revision, record) in unused.into_iter().skip(situation.desired.revision_history_limit) {
        if !record.has_daemon_set {
            draft.actions.push(Action::DeleteRevision { revision: revision.clone() });
        }
    }
}

/// Revisions that a node has, or may get.
fn used(situation: &Situation<'_>, draft: &Draft) -> BTreeSet<Revision> {
    let course = &situation.course;
    let of_nodes = situation
        .nodes()
        .flat_map(|(_, node)| node.label.iter().chain(node.pods.iter().map(|pod| &pod.revision)));
    let of_claims = draft
        .ledger
        .claims
        .values()
        .chain(situation.observed.ledger.claims.values())
        .flat_map(|claim| claim.from.iter().chain(claim.to.iter()));
    of_nodes
        .chain(of_claims)
        .chain(course.stable.iter())
        .chain([&course.target, &situation.desired.newest])
        .cloned()
        .collect()
}
