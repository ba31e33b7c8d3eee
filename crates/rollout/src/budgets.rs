//! How much of a fleet may be away at once.
//!
//! What the rollout takes away or breaks, and what nodes do on their own, are
//! counted apart: a dead machine must not stop a rollout as a bad revision does.

use crate::handoff;
use crate::ledger::counts;
use crate::situation::Situation;
use crate::{Ledger, Node, Presence, Reason, Wait};

/// What is away, and what may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budgets {
    /// Claims, but for lost ones.
    pub(crate) in_flight: usize,
    /// Those of them that take a station down.
    taken: usize,
    pub(crate) max_parallel: usize,
    /// Stations that are taken, or have no ready pod on a ready node.
    pub(crate) unavailable: usize,
    pub(crate) max_unavailable: usize,
    /// Nodes that were emptied since they do not qualify any more.
    evicted: usize,
    /// Stations on nodes that are not ready or vanished.
    pub(crate) lost: usize,
    pub(crate) max_lost: usize,
}

impl Budgets {
    pub(crate) fn of(situation: &Situation<'_>, ledger: &Ledger) -> Self {
        let rollout = &situation.desired.rollout;
        let claims =
            ledger.claims.iter().filter(|(name, claim)| !handoff::is_lost(situation, name, claim));
        let in_flight = claims.clone().count();
        let taken = claims.filter(|(_, claim)| claim.from.is_some()).count();
        let (mut qualified, mut stations) = (0, 0);
        let (mut unavailable, mut evicted, mut lost) = (0, 0, 0);
        for (name, node) in situation.nodes() {
            qualified += usize::from(situation.qualifies(name, node));
            stations += usize::from(is_station(node));
            unavailable += usize::from(is_unavailable(situation, ledger, name, node));
            evicted += usize::from(is_evicted(situation, ledger, name, node));
            lost += usize::from(is_gone(situation, ledger, name, node));
        }
        let max_parallel = match situation.wave(ledger) {
            Some(wave) => wave.max_parallel,
            None => rollout.waves.iter().map(|wave| wave.max_parallel).max().unwrap_or(1),
        };
        Self {
            in_flight,
            taken,
            max_parallel,
            unavailable,
            max_unavailable: rollout.max_unavailable.of(qualified),
            evicted,
            lost,
            max_lost: rollout.max_lost.of(stations),
        }
    }

    /// A node is claimed.
    pub(crate) fn take(&mut self, node: &Node) {
        self.in_flight += 1;
        self.taken += usize::from(node.label.is_some());
        self.unavailable += usize::from(node.label.is_some() && !is_missing(node));
    }

    /// Why that node may not be claimed now, if so; `probing` others are next.
    pub(crate) fn refuse(&self, node: &Node, evicts: bool, probing: usize) -> Option<Wait> {
        if self.in_flight + probing >= self.max_parallel {
            let message = format!(
                "{} of {} nodes are in flight or next",
                self.in_flight + probing,
                self.max_parallel
            );
            return Some(Wait::new(Reason::ParallelLimit, message));
        }
        let is_allowed = if node.ready_pod().is_some() {
            // A rule that nobody meets must not empty the fleet, one by one.
            self.unavailable + if evicts { self.evicted } else { 0 } < self.max_unavailable
        } else {
            // Nothing is lost by claiming what does not serve, and a fleet that is
            // broken must be mended; but one at a time.
            let more = usize::from(!is_missing(node));
            node.label.is_none()
                || self.taken == 0
                || self.unavailable + more <= self.max_unavailable
        };
        if is_allowed {
            return None;
        }
        let message = format!(
            "{} stations are unavailable, and {} may be",
            self.unavailable, self.max_unavailable
        );
        Some(Wait::new(Reason::BudgetExhausted, message))
    }

    /// More nodes are lost than the rollout should go on over.
    pub(crate) fn nodes_lost(&self) -> Option<Wait> {
        let message = format!(
            "{} stations are on nodes that are not ready or vanished, and {} may be; bring them \
             back, or say `resume` for those that are gone for good",
            self.lost, self.max_lost
        );
        (self.lost > self.max_lost).then(|| Wait::new(Reason::NodesLost, message))
    }
}

/// It has, or had, a station of this fleet.
fn is_station(node: &Node) -> bool {
    let is_ours = node.is_selected || matches!(node.presence, Presence::Vanished { .. });
    is_ours && node.assigned().is_some()
}

fn is_unavailable(situation: &Situation<'_>, ledger: &Ledger, name: &str, node: &Node) -> bool {
    match ledger.claims.get(name) {
        Some(claim) if claim.from.is_some() => !handoff::is_lost(situation, name, claim),
        Some(_) => false,
        None => is_missing(node) && !is_evicted(situation, ledger, name, node),
    }
}

/// It should serve and does not: it counts as unavailable before it is claimed, too.
fn is_missing(node: &Node) -> bool {
    is_station(node)
        && node.presence == Presence::Ready
        && node.maintenance().is_none()
        && node.ready_pod().is_none()
}

fn is_evicted(situation: &Situation<'_>, ledger: &Ledger, name: &str, node: &Node) -> bool {
    node.is_selected
        && node.assigned().is_some()
        && node.label.is_none()
        && node.maintenance().is_none()
        && !ledger.claims.contains_key(name)
        && !situation.qualifies(name, node)
}

fn is_gone(situation: &Situation<'_>, ledger: &Ledger, name: &str, node: &Node) -> bool {
    if ledger.claims.get(name).is_some_and(|claim| handoff::is_lost(situation, name, claim)) {
        return true;
    }
    let is_away = match node.presence {
        Presence::Ready => false,
        Presence::NotReady => true,
        Presence::Vanished { since } => counts(since, situation.desired.rollout.resumed_at),
    };
    // A machine that a person took out is not lost when it reboots.
    is_away && is_station(node) && node.maintenance().is_none()
}

/// Why a node may not be claimed for the sake of its site, and whether that is
/// because of a neighbour that is out of service, and not on its way.
pub(crate) fn site(
    situation: &Situation<'_>,
    ledger: &Ledger,
    name: &str,
    node: &Node,
) -> Option<(Wait, bool)> {
    let site = node.site.as_ref()?;
    let most = situation.desired.rollout.max_parallel_per_site;
    let takes_down = node.ready_pod().is_some();
    let mut in_flight = Vec::new();
    let mut dead = Vec::new();
    for (other, neighbour) in situation.of_site(site) {
        if other == name {
            continue;
        }
        match ledger.claims.get(other) {
            Some(claim) if handoff::is_lost(situation, other, claim) => dead.push(other),
            Some(_) => in_flight.push(other),
            None => {
                let is_away =
                    neighbour.maintenance().is_some() || neighbour.presence == Presence::NotReady;
                if takes_down && is_away && is_station(neighbour) {
                    dead.push(other);
                }
            }
        }
    }
    if in_flight.len() + dead.len() < most {
        return None;
    }
    let is_dead = dead.len() >= most;
    let (others, how) =
        if is_dead { (dead, "out of service") } else { ([in_flight, dead].concat(), "in flight") };
    let message = format!("`{}` of its site `{site}` is {how}", others.join("`, `"));
    Some((Wait::new(Reason::SiteBusy, message), is_dead))
}
