//! What must hold at every step, in the test's own words.

use std::collections::BTreeSet;

use chrono::Timelike;
use proptest::prelude::*;
use trigpoint_rollout::{
    Action, Change, Claim, Desired, Node, Observed, OnFail, Presence, ProbeOutcome, Readiness,
    Revision, Verdict, WaveNodes,
};

use super::world::World;

impl World {
    /// Never two pods on one node.
    pub(crate) fn check_cluster(&self) -> Result<(), TestCaseError> {
        for (name, node) in &self.nodes {
            prop_assert!(node.pods.len() <= 1, "two pods on {name}: {:?}", node.pods);
        }
        Ok(())
    }

    /// An action, before it is carried out, against what its planner saw; and
    /// where a fence makes it safe, against the truth.
    pub(crate) fn check_action(
        &self,
        desired: &Desired,
        observed: &Observed,
        action: &Action,
    ) -> Result<(), TestCaseError> {
        match action {
            // A refused write is none.
            Action::Record { expected_version, changes, ledger }
                if *expected_version == self.ledger_version.to_string() =>
            {
                let check = Check { world: self, desired, observed, changes };
                check.record(&ledger.claims)?;
            }
            Action::Release { node, .. } => self.check_release(desired, observed, node)?,
            Action::Assign { node, revision, fence } => {
                if fence.ledger_version == self.ledger_version.to_string() {
                    let to = self.ledger.claims.get(node).and_then(|claim| claim.to.as_ref());
                    prop_assert_eq!(to, Some(revision), "{} is given what nobody claimed", node);
                }
                let seen = &observed.nodes[node];
                prop_assert!(qualifies(desired, seen), "{node} gets a pod unqualified");
                prop_assert!(seen.is_selected, "{node} gets a pod unselected");
            }
            Action::Promote { revision } => check_promotion(desired, observed, revision)?,
            _ => {}
        }
        Ok(())
    }

    fn check_release(
        &self,
        desired: &Desired,
        observed: &Observed,
        name: &str,
    ) -> Result<(), TestCaseError> {
        let seen = &observed.nodes[name];
        let is_maintained = seen.record.as_ref().is_some_and(|r| r.maintenance.is_some());
        if is_maintained || desired.is_deleted {
            return Ok(());
        }
        let claim = observed.ledger.claims.get(name);
        prop_assert!(claim.is_some(), "{name} is released unclaimed");
        let claim = claim.expect("it was asserted");
        let label = seen.label.as_ref().expect("there is one to take away");
        prop_assert_ne!(Some(label), claim.to.as_ref(), "{} loses what it is to have", name);
        let has_failed = observed
            .ledger
            .failures
            .iter()
            .any(|failure| failure.node == name && failure.revision == *label);
        let Some(to) = &claim.to else { return Ok(()) };
        if has_failed {
            return Ok(());
        }
        prop_assert!(
            self.proven.contains(&(seen.uid.clone(), to.clone())),
            "{name} is released for {to}, which was not proven on it"
        );
        prop_assert!(observed.is_collector_up, "{name} is released without a collector");
        prop_assert!(!desired.rollout.paused, "{name} is released while paused");
        let age = ready_pod(seen).map(|pod| pod.spool_age);
        prop_assert!(
            age.is_none_or(|age| age.is_some_and(|age| age.as_secs() <= 10)),
            "{name} is released with a spool that waits"
        );
        // A stopped rollout takes nobody from the stable revision.
        let failed = failures(desired, observed, to);
        let is_stopped = failed > desired.rollout.failure_budget as usize;
        let stable = stable(observed);
        prop_assert!(
            !is_stopped || stable.as_ref() == Some(to),
            "{name} is released for {to}, with which {failed} nodes failed"
        );
        Ok(())
    }
}

/// What a write of the ledger is judged by.
struct Check<'a> {
    world: &'a World,
    desired: &'a Desired,
    observed: &'a Observed,
    changes: &'a [Change],
}

type Claims = std::collections::BTreeMap<String, Claim>;

impl Check<'_> {
    fn record(&self, claims: &Claims) -> Result<(), TestCaseError> {
        for change in self.changes {
            match change {
                Change::Claim { node, from, to, .. } => {
                    self.claim(node, to.as_ref(), claims)?;
                    prop_assert_eq!(from, &self.observed.nodes[node].label);
                    self.wave(node, to.as_ref(), claims)?;
                }
                Change::PassWave { wave } => self.pass(wave)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn claim(
        &self,
        name: &str,
        to: Option<&Revision>,
        claims: &Claims,
    ) -> Result<(), TestCaseError> {
        let rollout = &self.desired.rollout;
        let node = &self.observed.nodes[name];
        prop_assert!(!rollout.paused, "{name} is claimed while paused");
        prop_assert!(self.observed.is_collector_up, "{name} is claimed without a collector");
        prop_assert!(node.presence == Presence::Ready, "{name} is claimed and not ready");
        prop_assert!(!node.is_cordoned, "{name} is claimed and cordoned");
        prop_assert!(
            to.is_none() || qualifies(self.desired, node),
            "{name} is claimed for a station and does not qualify"
        );
        let flying: Vec<_> =
            claims.iter().filter(|(name, claim)| !self.is_lost(name, claim)).collect();
        let most = rollout.waves.iter().map(|wave| wave.max_parallel).max().unwrap_or(1);
        let is_waves = self.open_wave();
        let most = is_waves.map_or(most, |wave| rollout.waves[wave].max_parallel);
        prop_assert!(flying.len() <= most, "{} claims, {most} are allowed", flying.len());
        let taken = flying.iter().filter(|(_, claim)| claim.from.is_some()).count();
        let qualified = self.qualified();
        let unavailable = rollout.max_unavailable.of(qualified).max(1);
        // What is empty takes nothing; nodes may have left since the others were claimed.
        let is_taken = claims[name].from.is_some();
        prop_assert!(
            !is_taken || taken <= unavailable,
            "{taken} taken down, {unavailable} are allowed"
        );
        if let Some(site) = &node.site {
            let there = claims
                .keys()
                .filter(|name| {
                    let node = self.observed.nodes.get(*name);
                    node.is_some_and(|node| node.site.as_ref() == Some(site))
                })
                .count();
            prop_assert!(there <= 1, "{there} stations of {site} in flight");
        }
        let lost = self
            .observed
            .nodes
            .values()
            .filter(|node| {
                let record = node.record.as_ref().filter(|record| record.uid == node.uid);
                node.presence == Presence::NotReady
                    && node.is_selected
                    && record.is_some_and(|r| r.assigned.is_some() && r.maintenance.is_none())
            })
            .count();
        let stations = self.observed.nodes.len();
        let most = rollout.max_lost.of(stations);
        prop_assert!(lost <= most, "{name} is claimed with {lost} nodes lost of {most}");
        Ok(())
    }

    /// Nobody gets a revision that no wave lets have it.
    fn wave(
        &self,
        name: &str,
        to: Option<&Revision>,
        claims: &Claims,
    ) -> Result<(), TestCaseError> {
        let target = self.desired.target();
        let (Some(to), Some(stable)) = (to, stable(self.observed)) else { return Ok(()) };
        let is_proven = |revision| {
            self.observed.revisions.get(revision).is_some_and(
                |record: &trigpoint_rollout::RevisionRecord| record.promoted_at.is_some(),
            )
        };
        if to != target {
            prop_assert_eq!(to, &stable, "{} is claimed for what nobody wants", name);
            return Ok(());
        }
        if is_proven(target) {
            return Ok(());
        }
        let is_closed = !self.desired.rollout.windows.is_empty() && self.world.now.minute() >= 20;
        prop_assert!(!is_closed, "{name} is claimed outside of every window");
        let node = &self.observed.nodes[name];
        let record = node.record.as_ref().filter(|record| record.uid == node.uid);
        let had = record.and_then(|record| record.assigned.as_ref());
        let starts_stable = record
            .and_then(|record| record.probes.get(&stable))
            .is_none_or(|probe| !matches!(probe.outcome, ProbeOutcome::Failed { .. }));
        prop_assert!(
            had.is_some() || node.label.is_some() || !starts_stable,
            "{name} is new and gets {to}, not the stable revision"
        );
        // What it had before its maintenance, or before somebody took its label.
        if node.label.is_none() && had == Some(target) {
            return Ok(());
        }
        // Behind the last wave, until the target is promoted, that one holds.
        let open = self.open_wave().unwrap_or(self.desired.rollout.waves.len() - 1);
        let mut selected = BTreeSet::new();
        let mut quota = 0;
        for wave in &self.desired.rollout.waves[..=open] {
            match wave.nodes {
                WaveNodes::Percent(percent) => {
                    quota = (self.qualified() * usize::from(percent)).div_ceil(100);
                }
                WaveNodes::Selected => {
                    let chosen = self
                        .observed
                        .nodes
                        .iter()
                        .filter(|(_, node)| node.waves.contains(&wave.name));
                    selected.extend(chosen.map(|(name, _)| name.as_str()));
                }
            }
        }
        let others = self
            .observed
            .nodes
            .iter()
            .filter(|(name, node)| {
                let record = node.record.as_ref().filter(|record| record.uid == node.uid);
                let had = node.label.as_ref().or(record.and_then(|r| r.assigned.as_ref()));
                let has = match claims.get(*name) {
                    Some(claim) => claim.to.as_ref() == Some(target) && !self.is_lost(name, claim),
                    None => had == Some(target) && !self.has_failed(name, target),
                };
                let has = has && node.is_selected && qualifies(self.desired, node);
                has && !selected.contains(name.as_str())
            })
            .count();
        prop_assert!(
            selected.contains(name) || others <= quota,
            "{name} is the {others}th of a wave of {quota}"
        );
        Ok(())
    }

    fn pass(&self, name: &str) -> Result<(), TestCaseError> {
        let desired = self.desired;
        let target = desired.target();
        let wave = desired.rollout.waves.iter().find(|wave| wave.name == name).expect("a wave");
        let on_target = self.observed.nodes.values().filter(|node| {
            node.label.as_ref() == Some(target)
                && node.is_selected
                && node.presence == Presence::Ready
                && node.record.as_ref().is_none_or(|record| record.maintenance.is_none())
        });
        let mut seen = 0;
        for node in on_target {
            let since = ready_pod(node).map(|pod| pod.readiness);
            let Some(Readiness::Ready { since }) = since else {
                prop_assert!(false, "wave {name} passes with a station that is not ready");
                return Ok(());
            };
            prop_assert!(since + wave.bake <= self.world.now, "wave {name} passes unbaked");
            seen += 1;
        }
        prop_assert!(seen > 0, "wave {name} passes without a station");
        if desired.rollout.skip_gates.is_some() {
            return Ok(());
        }
        let approvals: Vec<_> = desired
            .rollout
            .approvals
            .iter()
            .filter(|approval| approval.revision == *target && approval.wave == name)
            .collect();
        for gate in &wave.gates {
            let record = self.observed.ledger.gates.iter().find(|record| {
                record.gate == *gate && record.wave == name && record.revision == *target
            });
            prop_assert!(record.is_some(), "wave {name} passes without its gate");
            let last = &record.expect("it was asserted").last;
            let is_answered = approvals.iter().any(|yes| yes.at >= record.expect("a gate").since);
            let is_good = last.verdict == Verdict::Pass
                || (last.verdict == Verdict::Inconclusive && is_answered);
            prop_assert!(is_good, "wave {name} passes with its gate {:?}", last.verdict);
        }
        if wave.approval == trigpoint_rollout::Approve::Manual {
            prop_assert!(!approvals.is_empty(), "wave {name} passes without a person's yes");
        }
        Ok(())
    }

    /// The first wave that has not passed, where waves matter; what the same write
    /// says of waves holds for its claims.
    fn open_wave(&self) -> Option<usize> {
        let target = self.desired.target();
        let is_proven =
            self.observed.revisions.get(target).is_some_and(|record| record.promoted_at.is_some());
        if is_proven || stable(self.observed).is_none() {
            return None;
        }
        let begins = self.changes.iter().any(|change| matches!(change, Change::Begin { .. }));
        let rollout =
            self.observed.ledger.rollout.as_ref().filter(|r| r.revision == *target && !begins);
        self.desired.rollout.waves.iter().position(|wave| {
            let passes = Change::PassWave { wave: wave.name.clone() };
            !self.changes.contains(&passes)
                && rollout.is_none_or(|rollout| !rollout.passed.contains(&wave.name))
        })
    }

    fn has_failed(&self, name: &str, revision: &Revision) -> bool {
        let resumed_at = self.desired.rollout.resumed_at;
        self.observed.ledger.failures.iter().any(|failure| {
            failure.node == name
                && failure.revision == *revision
                && resumed_at.is_none_or(|resumed_at| failure.at > resumed_at)
        })
    }

    fn qualified(&self) -> usize {
        let nodes = self.observed.nodes.values();
        nodes.filter(|node| node.is_selected && qualifies(self.desired, node)).count()
    }

    fn is_lost(&self, name: &str, claim: &Claim) -> bool {
        let Some(node) = self.observed.nodes.get(name) else { return false };
        let desired = self.desired;
        let late = claim.since + desired.drain_grace + desired.rollout.node_deadline;
        let is_between =
            node.label.is_none() && (!node.pods.is_empty() || node.presence != Presence::Ready);
        is_between && self.world.now >= late
    }
}

fn stable(observed: &Observed) -> Option<Revision> {
    let promoted = observed.revisions.iter().filter(|(_, record)| record.promoted_at.is_some());
    promoted.max_by_key(|(name, record)| (record.promoted_at, *name)).map(|(name, _)| name.clone())
}

fn ready_pod(node: &Node) -> Option<&trigpoint_rollout::Pod> {
    node.pods.iter().find(|pod| {
        !pod.is_terminating
            && node.label.as_ref() == Some(&pod.revision)
            && matches!(pod.readiness, Readiness::Ready { .. })
    })
}

/// The one rule of these worlds.
pub(crate) fn qualifies(desired: &Desired, node: &Node) -> bool {
    let least = desired.qualification.min_link_mbps.unwrap_or(0);
    let record = node.record.as_ref().filter(|record| record.uid == node.uid);
    let facts = record.and_then(|record| record.facts.as_ref());
    let is_warning = desired.qualification.on_fail == OnFail::Warn;
    match facts {
        Some(facts) => is_warning || facts.link_mbps.is_some_and(|speed| speed >= least),
        None => is_warning && record.is_some_and(|record| !record.probes.is_empty()),
    }
}

fn failures(desired: &Desired, observed: &Observed, revision: &Revision) -> usize {
    let resumed_at = desired.rollout.resumed_at;
    observed
        .ledger
        .failures
        .iter()
        .filter(|failure| failure.revision == *revision)
        .filter(|failure| resumed_at.is_none_or(|resumed_at| failure.at > resumed_at))
        .count()
}

fn check_promotion(
    desired: &Desired,
    observed: &Observed,
    revision: &Revision,
) -> Result<(), TestCaseError> {
    let is_new = observed.revisions[revision].promoted_at.is_none();
    let passed = observed.ledger.rollout.as_ref().map(|rollout| &rollout.passed);
    if is_new && stable(observed).is_some() {
        for wave in &desired.rollout.waves {
            prop_assert!(
                passed.is_some_and(|passed| passed.contains(&wave.name)),
                "{revision} is promoted without wave {}",
                wave.name
            );
        }
    }
    if stable(observed).is_none() {
        prop_assert!(observed.ledger.claims.is_empty(), "{revision} is promoted in a handoff");
    }
    let resumed_at = desired.rollout.resumed_at;
    let has_failed = |name: &str| {
        observed.ledger.failures.iter().any(|failure| {
            failure.node == name
                && failure.revision == *revision
                && resumed_at.is_none_or(|resumed_at| failure.at > resumed_at)
        })
    };
    let serves = observed.nodes.iter().any(|(name, node)| {
        let is_over = !observed.ledger.claims.contains_key(name) && !has_failed(name);
        node.label.as_ref() == Some(revision) && ready_pod(node).is_some() && is_over
    });
    prop_assert!(serves, "{revision} is promoted and serves nowhere without a failure");
    Ok(())
}
