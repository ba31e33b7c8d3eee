//! Waves: how many nodes have the new revision before it is looked at.

use std::collections::BTreeSet;

use crate::course::Kind;
use crate::handoff;
use crate::prove::{self, Proof};
use crate::situation::{Draft, Situation};
use crate::{
    Approve, Change, Ledger, Limit, Node, Presence, Reason, Wait, WaveNodes, budgets, gates, stops,
};

/// Nodes that have not the target yet and that the waves up to the open one let
/// have it.
pub(crate) fn admitted<'a>(situation: &Situation<'a>, ledger: &Ledger) -> BTreeSet<&'a str> {
    let Some(open) = situation.wave(ledger) else { return BTreeSet::new() };
    let waves = &situation.desired.rollout.waves;
    let index = waves.iter().position(|wave| wave.name == open.name).unwrap_or(0);
    let mut candidates: Vec<_> = situation
        .nodes()
        .filter(|(name, node)| is_movable(situation, ledger, name, node))
        .collect();
    candidates.sort_by_cached_key(|(name, node)| rank(situation, name, node));
    let qualified =
        situation.nodes().filter(|(name, node)| situation.qualifies(name, node)).count();
    let mut admitted = BTreeSet::new();
    for wave in &waves[..=index] {
        match wave.nodes {
            WaveNodes::Selected => admitted.extend(
                candidates
                    .iter()
                    .filter(|(_, node)| node.waves.contains(&wave.name))
                    .map(|(name, _)| *name),
            ),
            WaveNodes::Percent(percent) => {
                let quota = Limit::Percent(percent).of(qualified);
                let have = having(situation, ledger) + admitted.len();
                let missing = quota.saturating_sub(have);
                let others = candidates.iter().map(|(name, _)| *name);
                let next: Vec<_> =
                    others.filter(|name| !admitted.contains(name)).take(missing).collect();
                admitted.extend(next);
            }
        }
    }
    admitted
}

/// Nodes that count as updated: they have the target, are on their way to it, or
/// get it back when they are filled again.
fn having(situation: &Situation<'_>, ledger: &Ledger) -> usize {
    let target = &situation.course.target;
    let resumed_at = situation.desired.rollout.resumed_at;
    situation
        .nodes()
        // As in the number that the quota is a share of.
        .filter(|(name, node)| situation.qualifies(name, node))
        .filter(|(name, node)| match ledger.claims.get(*name) {
            // One that is lost is replaced by another.
            Some(claim) => {
                claim.to.as_ref() == Some(target) && !handoff::is_lost(situation, name, claim)
            }
            None => {
                node.label.as_ref().or(node.assigned()) == Some(target)
                    && ledger.failure(name, target, resumed_at).is_none()
            }
        })
        .count()
}

/// It could be taken to the target, if it were its turn.
fn is_movable(situation: &Situation<'_>, ledger: &Ledger, name: &str, node: &Node) -> bool {
    let target = &situation.course.target;
    let resumed_at = situation.desired.rollout.resumed_at;
    situation.qualifies(name, node)
        && node.is_usable()
        && node.maintenance().is_none()
        && (!is_new(node) || !may_start_stable(situation, node))
        && node.label.as_ref() != Some(target)
        && !ledger.claims.contains_key(name)
        && ledger.failure(name, target, resumed_at).is_none()
        // Beside a dead neighbour it stays, and holds up nobody.
        && !budgets::site(situation, ledger, name, node).is_some_and(|(_, is_dead)| is_dead)
}

fn is_new(node: &Node) -> bool {
    node.assigned().or(node.label.as_ref()).is_none()
}

/// A new node gets the stable revision first.  Where that does not start, as when its
/// image is gone, the node waits for its wave instead.
fn may_start_stable(situation: &Situation<'_>, node: &Node) -> bool {
    let stable = situation.course.stable.as_ref();
    !stable.is_some_and(|stable| matches!(prove::proof(node, stable), Proof::Failed(..)))
}

/// Nodes of an interrupted rollout first; others in an order that differs from
/// revision to revision, so that it is not always the same who goes first.
pub(crate) fn rank(situation: &Situation<'_>, name: &str, node: &Node) -> (bool, u64) {
    let is_stable = node.label == situation.course.stable;
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in situation.course.target.as_str().bytes().chain(name.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (is_stable, hash)
}

/// Looks whether the open wave is complete, has baked and has passed; else what
/// it waits for.  `None` where nodes of it still move.  Behind the last wave: whether
/// any station is left by which the target can be promoted.
pub(crate) fn review(situation: &Situation<'_>, draft: &mut Draft) -> Option<Wait> {
    // The write that begins a rollout forgets what its gates were measured as.
    if !situation.has_begun() {
        return None;
    }
    let wave = situation.wave(&draft.ledger)?;
    // What failed is not judged again until a person says so.
    if let Some(wait) = stops::stop(situation, &draft.ledger) {
        return Some(wait);
    }
    let target = &situation.course.target;
    // Also one that failed: promoting the target would turn it back to what it
    // failed with.
    let mut claims = draft.ledger.claims.iter();
    let moves = claims.any(|(name, claim)| !handoff::is_lost(situation, name, claim));
    if moves || !admitted(situation, &draft.ledger).is_empty() {
        return None;
    }
    let name = &wave.name;
    if let Some((node, _)) = situation.nodes().find(|(name, node)| situation.is_awaited(name, node))
    {
        let message = format!("wave `{name}` waits for the facts of `{node}`");
        return Some(Wait::new(Reason::Probing, message));
    }
    let ready = match ready_since(situation) {
        Ok(Some(ready)) => ready,
        Ok(None) => {
            let message = format!(
                "no node of wave `{name}` has `{target}` or could get it; change the wave or the \
                 nodes"
            );
            return Some(Wait::new(Reason::WaveEmpty, message));
        }
        Err(node) => {
            let message = format!("`{node}` of wave `{name}` is not ready");
            return Some(Wait::new(Reason::Starting, message));
        }
    };
    // Behind the last wave what is there is promoted.
    if draft.ledger.has_passed(&wave.name) {
        return None;
    }
    let baked_at = ready + wave.bake;
    let gates = gates::pass(situation, draft, wave, baked_at);
    if let Some(wait) = gates.as_ref().filter(|wait| wait.reason.is_standing()) {
        return Some(wait.clone());
    }
    if baked_at > situation.now {
        let message = format!("wave `{name}` is watched until {baked_at}");
        draft.wake(baked_at);
        return Some(Wait::new(Reason::CanaryBaking, message).until(baked_at));
    }
    if gates.is_some() {
        return gates;
    }
    if wave.approval == Approve::Manual && situation.approved_at(wave).is_none() {
        let message = format!("wave `{name}` has passed; approve it to go on");
        return Some(Wait::new(Reason::AwaitingApproval, message));
    }
    draft.change(Change::PassWave { wave: name.clone() });
    None
}

/// Since when all stations of the target serve; the name of one that does not.
fn ready_since<'a>(situation: &Situation<'a>) -> Result<Option<crate::Time>, &'a str> {
    debug_assert_eq!(situation.course.kind, Kind::Waves);
    let mut latest = None;
    for (name, node) in situation.nodes() {
        let is_watched = node.is_selected
            && node.label.as_ref() == Some(&situation.course.target)
            && node.presence == Presence::Ready
            && node.maintenance().is_none();
        if is_watched {
            let since = situation.serves_since(node).ok_or(name)?;
            latest = latest.max(Some(since));
        }
    }
    Ok(latest)
}
