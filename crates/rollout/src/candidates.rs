//! Which node is claimed next, and why the others are not.

use std::collections::BTreeSet;

use crate::budgets::{self, Budgets};
use crate::course::Kind;
use crate::prove::{self, Proof};
use crate::qualification::Qualified;
use crate::situation::{Draft, Situation};
use crate::{
    Change, Ledger, Node, OnFail, Presence, Readiness, Reason, Revision, Wait, rollback, stops,
    waves,
};

/// What is to become of a node that is not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intent {
    /// It has what it is to have.
    Keep,
    /// It is to have that one.
    Give(Revision),
    /// It is to be empty.
    Empty,
    /// It stays as it is.
    Rest(Wait),
}

/// A node that has a station and must not have one.
pub(crate) fn is_to_be_empty(situation: &Situation<'_>, name: &str, node: &Node) -> bool {
    let is_ours = node.label.as_ref().is_some_and(|label| situation.desired.owns(label));
    let is_excluded = matches!(situation.verdict(name), Qualified::No(_))
        && situation.desired.qualification.on_fail == OnFail::Exclude;
    is_ours && (!node.is_selected || is_excluded)
}

/// What a node is to become, as far as waves and failures go.
pub(crate) fn intent(
    situation: &Situation<'_>,
    ledger: &Ledger,
    admitted: &BTreeSet<&str>,
    name: &str,
    node: &Node,
) -> Intent {
    if matches!(node.presence, Presence::Vanished { .. }) {
        return Intent::Rest(Wait::new(Reason::NodeVanished, "the node is gone"));
    }
    if is_to_be_empty(situation, name, node) {
        return Intent::Empty;
    }
    if !node.is_selected {
        return Intent::Rest(Wait::new(Reason::NotSelected, "the fleet does not select it"));
    }
    if let Some(wait) = situation.verdict(name).wait()
        && !situation.qualifies(name, node)
    {
        return Intent::Rest(wait);
    }
    let wanted = wanted(situation, ledger, admitted, name, node);
    let resumed_at = situation.desired.rollout.resumed_at;
    if let Some(failure) = ledger.failure(name, &wanted, resumed_at) {
        let message = format!(
            "it failed with `{wanted}`: {} ({}); say `resume` to try again",
            failure.reason, failure.message
        );
        return Intent::Rest(Wait::new(Reason::NodeFailed, message));
    }
    if node.label.as_ref() == Some(&wanted) { Intent::Keep } else { Intent::Give(wanted) }
}

fn wanted(
    situation: &Situation<'_>,
    ledger: &Ledger,
    admitted: &BTreeSet<&str>,
    name: &str,
    node: &Node,
) -> Revision {
    let course = &situation.course;
    let target = &course.target;
    let (Kind::Waves, Some(stable)) = (course.kind, &course.stable) else {
        return target.clone();
    };
    if stops::is_rejected(situation, ledger) {
        return stable.clone();
    }
    if admitted.contains(name) {
        return target.clone();
    }
    let resumed_at = situation.desired.rollout.resumed_at;
    match node.label.as_ref().or(node.assigned()) {
        Some(had) if had == target && ledger.failure(name, target, resumed_at).is_none() => {
            target.clone()
        }
        // A rollout that was interrupted: its nodes wait for their wave where they
        // are, unless they broke.  A label that nobody assigned is not of that kind.
        Some(had)
            if node.label.as_ref() == Some(had)
                && node.assigned() == Some(had)
                && had != target
                && situation.observed.revisions.contains_key(had)
                && !rollback::is_broken(situation, node) =>
        {
            had.clone()
        }
        _ => stable.clone(),
    }
}

/// Claims the nodes whose turn it is, or has them probed.
pub(crate) fn claim(situation: &Situation<'_>, draft: &mut Draft) {
    let admitted = waves::admitted(situation, &draft.ledger);
    let mut nodes: Vec<_> = situation.nodes().collect();
    nodes.sort_by_cached_key(|(name, node)| {
        let serves = node.ready_pod().is_some();
        (serves, !is_to_be_empty(situation, name, node), waves::rank(situation, name, node))
    });
    let mut budgets = Budgets::of(situation, &draft.ledger);
    let blocked = Blocked {
        halt: stops::halt(situation, &draft.ledger, &budgets),
        hold: stops::hold(situation, &draft.ledger),
        unproven: unproven(situation, &draft.ledger, &admitted),
    };
    let mut probing = 0;
    for (name, node) in nodes {
        if draft.ledger.claims.contains_key(name) || draft.waits.contains_key(name) {
            continue;
        }
        let to = match intent(situation, &draft.ledger, &admitted, name, node) {
            Intent::Keep => {
                if let Some(wait) = idle(situation, node) {
                    draft.wait(name, wait);
                }
                continue;
            }
            Intent::Rest(wait) => {
                draft.wait(name, wait);
                continue;
            }
            Intent::Give(revision) => Some(revision),
            Intent::Empty => None,
        };
        if let Err(wait) =
            blocked.consider(situation, draft, &budgets, (name, node), to.as_ref(), &mut probing)
        {
            draft.wait(name, wait);
            continue;
        }
        budgets.take(node);
        draft.change(Change::Claim {
            node: name.to_owned(),
            uid: node.uid.clone(),
            from: node.label.clone(),
            to,
        });
        draft.wait(name, Wait::new(Reason::Claimed, "it is claimed"));
    }
    // Those that stay where they are until their wave opens, or all have passed and
    // the target is promoted.
    if situation.course.kind == Kind::Waves {
        tell_waiting(situation, draft);
    }
}

fn tell_waiting(situation: &Situation<'_>, draft: &mut Draft) {
    let target = &situation.course.target;
    let message = match situation.open_wave(&draft.ledger) {
        Some(_) => format!("its wave of `{target}` is not open yet"),
        None => format!("`{target}` is not promoted yet, which takes one that serves"),
    };
    let wait = Wait::new(Reason::WaveNotOpen, message);
    for (name, node) in situation.nodes() {
        let is_waiting = situation.qualifies(name, node)
            && node.label.as_ref() != Some(target)
            && !draft.ledger.claims.contains_key(name);
        if is_waiting && !draft.waits.contains_key(name) {
            draft.wait(name, wait.clone());
        }
    }
}

/// Why a node that has what it is to have does not serve.
fn idle(situation: &Situation<'_>, node: &Node) -> Option<Wait> {
    if situation.serves_since(node).is_some() {
        return None;
    }
    if let Some(wait) = stops::unusable(node).filter(|_| node.presence != Presence::Ready) {
        return Some(wait);
    }
    if let Some(Readiness::Ready { since }) = node.ready_pod().map(|pod| pod.readiness) {
        let message = format!("its pod has been ready since {since}");
        let until = since + situation.desired.rollout.min_ready;
        return Some(Wait::new(Reason::Starting, message).until(until));
    }
    if node.pods.iter().all(|pod| pod.is_terminating) {
        return Some(Wait::new(Reason::Starting, "it has no pod yet"));
    }
    rollback::unready(situation, node)
}

/// Nodes whose probe of the target failed are counted like nodes that failed with
/// it, as long as it fails: a wrong image is not tried on a whole fleet.
fn unproven(situation: &Situation<'_>, ledger: &Ledger, admitted: &BTreeSet<&str>) -> Option<Wait> {
    let target = &situation.course.target;
    let failed: Vec<Wait> = situation
        .nodes()
        .filter(|(name, node)| {
            node.is_usable()
                && node.maintenance().is_none()
                && !ledger.claims.contains_key(*name)
                && intent(situation, ledger, admitted, name, node) == Intent::Give(target.clone())
        })
        .filter_map(|(_, node)| match prove::proof(node, target) {
            Proof::Failed(wait, _) => Some(wait),
            _ => None,
        })
        .collect();
    let is_too_many = failed.len() > situation.desired.rollout.failure_budget as usize;
    failed.into_iter().next().filter(|_| is_too_many)
}

/// What holds for every candidate of a plan.
struct Blocked {
    halt: Option<Wait>,
    hold: Option<Wait>,
    unproven: Option<Wait>,
}

impl Blocked {
    /// Why a node is not claimed now.
    fn consider(
        &self,
        situation: &Situation<'_>,
        draft: &mut Draft,
        budgets: &Budgets,
        (name, node): (&str, &Node),
        to: Option<&Revision>,
        probing: &mut usize,
    ) -> Result<(), Wait> {
        let is_target = to == Some(&situation.course.target);
        let blocked = stops::unusable(node)
            .or_else(|| self.halt.clone())
            .or_else(|| self.hold.clone().filter(|_| is_target))
            .or_else(|| stops::ingest(node))
            .or_else(|| budgets::site(situation, &draft.ledger, name, node).map(|(wait, _)| wait));
        if let Some(wait) = blocked {
            return Err(wait);
        }
        let evicts = to.is_none() && node.is_selected;
        if let Some(wait) = budgets.refuse(node, evicts, *probing) {
            return Err(wait);
        }
        let Some(to) = to else { return Ok(()) };
        let resumed_at = situation.desired.rollout.resumed_at;
        let is_broken = node
            .label
            .as_ref()
            .is_some_and(|label| draft.ledger.failure(name, label, resumed_at).is_some());
        // What is broken already has nothing to lose.
        if is_broken {
            return Ok(());
        }
        let message = format!("whether `{to}` starts on it is being found out");
        match prove::proof(node, to) {
            Proof::Failed(wait, retry) => {
                if retry <= situation.now {
                    prove::probe(draft, name, node, to);
                }
                Err(wait)
            }
            Proof::Running => {
                *probing += 1;
                Err(Wait::new(Reason::Probing, message))
            }
            Proof::Missing | Proof::Passed if is_target && self.unproven.is_some() => {
                Err(self.unproven.clone().unwrap_or_else(|| Wait::new(Reason::Probing, message)))
            }
            Proof::Missing => {
                *probing += 1;
                prove::probe(draft, name, node, to);
                Err(Wait::new(Reason::Probing, message))
            }
            Proof::Passed => Ok(()),
        }
    }
}
