//! Carries actions out, one by one, as the operator does: with their fences.

use proptest::prelude::*;
use trigpoint_rollout::{
    Action, Fence, Measurement, NodeRecord, Presence, Probe, ProbeOutcome, Verdict, plan,
};

use super::world::{Behaviour, World};

/// The action was refused: the rest of the plan is dropped.
pub(crate) struct Refused;

impl World {
    /// One planner plans on what it sees, and is stopped after some actions.
    /// Returns how many were carried out.
    pub(crate) fn round(&mut self, planner: usize, most: usize) -> Result<usize, TestCaseError> {
        let view = self.views[planner].clone();
        let observed = view.observed();
        let plan = plan(&view.desired, &observed, self.now);
        let mut done = 0;
        for action in plan.actions.iter().take(most) {
            self.check_action(&view.desired, &observed, action)?;
            if self.execute(action).is_err() {
                break;
            }
            done += 1;
            self.check_cluster()?;
        }
        Ok(done)
    }

    pub(crate) fn execute(&mut self, action: &Action) -> Result<(), Refused> {
        match action {
            Action::Register { node, uid } => {
                let node = self.nodes.get_mut(node).filter(|n| n.uid == *uid).ok_or(Refused)?;
                let maintenance =
                    node.record.as_ref().and_then(|record| record.maintenance.clone());
                if node.record.as_ref().is_none_or(|record| record.uid != *uid) {
                    node.record =
                        Some(NodeRecord { uid: uid.clone(), maintenance, ..NodeRecord::default() });
                }
            }
            Action::Probe { node, uid, revision } => {
                let at = self.now;
                let node = self.nodes.get_mut(node).filter(|n| n.uid == *uid).ok_or(Refused)?;
                let record = node.record.as_mut().filter(|r| r.uid == *uid).ok_or(Refused)?;
                let probe = Probe { at, outcome: ProbeOutcome::Running };
                record.probes.insert(revision.clone(), probe);
            }
            Action::SelfTest { node, pod } => self.start_test(node, pod),
            Action::Release { node, fence } => {
                self.check_fence(node, fence)?;
                self.nodes.get_mut(node).expect("the fence held").label = None;
                self.touch(node);
                self.releases += 1;
            }
            Action::Assign { node: name, fence, revision } => {
                self.check_fence(name, fence)?;
                let node = self.nodes.get_mut(name).expect("the fence held");
                if !node.pods.is_empty() || !self.revisions.contains_key(revision) {
                    return Err(Refused);
                }
                let record = node.record.as_mut().filter(|r| r.uid == fence.uid).ok_or(Refused)?;
                record.assigned = Some(revision.clone());
                node.label = Some(revision.clone());
                self.touch(name);
            }
            Action::CreateDaemonSet { revision } => {
                self.revisions.get_mut(revision).ok_or(Refused)?.has_daemon_set = true;
            }
            Action::DeleteDaemonSet { revision } => {
                if self.nodes.values().any(|node| node.label.as_ref() == Some(revision)) {
                    return Err(Refused);
                }
                self.revisions.get_mut(revision).ok_or(Refused)?.has_daemon_set = false;
            }
            Action::DeleteRevision { revision } => {
                let is_used = self.nodes.values().any(|node| node.label.as_ref() == Some(revision))
                    || self.desired.newest == *revision
                    || self.desired.target() == revision
                    || self.ledger.claims.values().any(|claim| claim.to.as_ref() == Some(revision));
                if is_used {
                    return Err(Refused);
                }
                self.revisions.remove(revision);
            }
            Action::Measure { gate, wave, revision } => self.measure(gate, wave, revision),
            Action::Promote { revision } => {
                self.revisions.get_mut(revision).ok_or(Refused)?.promoted_at = Some(self.now);
            }
            Action::Record { expected_version, ledger, .. } => {
                if *expected_version != self.ledger_version.to_string() {
                    return Err(Refused);
                }
                self.ledger = ledger.clone();
                self.ledger_version += 1;
            }
            Action::RemoveFinalizer => self.has_finalizer = false,
        }
        Ok(())
    }

    fn check_fence(&self, name: &str, fence: &Fence) -> Result<(), Refused> {
        let node = self.nodes.get(name).ok_or(Refused)?;
        let holds = node.uid == fence.uid
            && node.version == fence.version
            && node.label == fence.label
            && !matches!(node.presence, Presence::Vanished { .. })
            && self.ledger_version.to_string() == fence.ledger_version;
        if holds { Ok(()) } else { Err(Refused) }
    }

    fn measure(&mut self, gate: &str, wave: &str, revision: &trigpoint_rollout::Revision) {
        let verdict = match self.behaviours[revision] {
            Behaviour::GateFails => Verdict::Fail,
            Behaviour::GateInconclusive => Verdict::Inconclusive,
            _ => Verdict::Pass,
        };
        let measurement = Measurement {
            verdict,
            value: Some(1.0),
            baseline: Some(1.0),
            samples: 100,
            said: format!("{verdict:?}"),
            at: self.now,
        };
        let resumed_at = self.desired.rollout.resumed_at;
        self.ledger.record_measurement(gate, wave, revision, measurement, resumed_at);
        self.ledger_version += 1;
    }
}
