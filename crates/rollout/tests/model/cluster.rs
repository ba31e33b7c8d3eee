//! The DaemonSet controller and the kubelets.

use std::time::Duration;

use trigpoint_rollout::{LastDrain, Pod, Presence, ProbeOutcome, Readiness, Revision, SelfTest};

use super::world::{Behaviour, World, seconds};

const DRAIN: u64 = 20;
const START: u64 = 5;
const PROBE: u64 = 8;
const SELF_TEST: u64 = 4;

impl World {
    /// Deletes the pods that no label asks for, and makes those that one does,
    /// without a look at what else is on the node: as the real one does.
    pub(crate) fn controller(&mut self) {
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let now = self.now;
            let node = self.nodes.get_mut(&name).expect("it is a key");
            if matches!(node.presence, Presence::Vanished { .. }) {
                continue;
            }
            let wanted = node
                .label
                .clone()
                .filter(|label| self.revisions.get(label).is_some_and(|r| r.has_daemon_set));
            for pod in &mut node.pods {
                if !pod.is_terminating && Some(&pod.revision) != wanted.as_ref() {
                    pod.is_terminating = true;
                    pod.readiness = Readiness::NotReady { since: now };
                    self.ends.insert(pod.uid.clone(), now + seconds(DRAIN));
                }
            }
            let Some(wanted) = wanted else { continue };
            if node.pods.iter().all(|pod| pod.is_terminating) {
                self.create_pod(&name, wanted);
            }
        }
    }

    fn create_pod(&mut self, name: &str, revision: Revision) {
        let uid = self.unique();
        self.starts.insert(uid.clone(), self.now + seconds(START));
        let since = self.now;
        let node = self.nodes.get_mut(name).expect("a node");
        node.pods.push(Pod {
            uid,
            revision,
            created_at: since,
            is_terminating: false,
            is_unscheduled: false,
            readiness: Readiness::NotReady { since },
            failure: None,
            spool_age: None,
            self_test: SelfTest::NotRun,
        });
    }

    /// Time passes on every node.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.controller();
        self.now += by;
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            self.end_tests(&name);
            if self.nodes[&name].presence == Presence::Ready {
                self.end_pods(&name);
                self.start_pods(&name);
                self.end_probes(&name);
            }
        }
        self.controller();
    }

    fn end_pods(&mut self, name: &str) {
        let now = self.now;
        let node = self.nodes.get_mut(name).expect("a node");
        let ends = &self.ends;
        let (gone, left): (Vec<Pod>, Vec<Pod>) =
            node.pods.drain(..).partition(|pod| ends.get(&pod.uid).is_some_and(|at| *at <= now));
        node.pods = left;
        if gone.is_empty() {
            return;
        }
        let rows = if self.losing.remove(name) { 7 } else { 0 };
        if let Some(record) = node.record.as_mut().filter(|record| record.uid == node.uid) {
            record.last_drain = Some(LastDrain { at: now, unflushed_rows: Some(rows) });
        }
    }

    fn start_pods(&mut self, name: &str) {
        let (now, is_stuck) = (self.now, self.stuck_spools.contains(name));
        let node = self.nodes.get_mut(name).expect("a node");
        for pod in node.pods.iter_mut().filter(|pod| !pod.is_terminating) {
            let behaviour = self.behaviours[&pod.revision];
            if self.starts.get(&pod.uid).is_some_and(|at| *at <= now) {
                self.starts.remove(&pod.uid);
                match behaviour {
                    Behaviour::Crashes => pod.failure = Some("CrashLoopBackOff".to_owned()),
                    Behaviour::NeverReady => {}
                    _ => pod.readiness = Readiness::Ready { since: now },
                }
            }
            if matches!(pod.readiness, Readiness::Ready { .. }) {
                let age = if is_stuck { seconds(60) } else { Duration::ZERO };
                pod.spool_age = Some(age);
            }
        }
    }

    /// They run on another node, and end also where nobody answers them.
    fn end_tests(&mut self, name: &str) {
        let now = self.now;
        let node = self.nodes.get_mut(name).expect("a node");
        let is_silent = node.presence != Presence::Ready;
        for pod in node.pods.iter_mut().filter(|pod| !pod.is_terminating) {
            if self.tests.get(&pod.uid).is_some_and(|at| *at <= now) {
                self.tests.remove(&pod.uid);
                let fails = self.behaviours[&pod.revision] == Behaviour::SelfTestFails;
                pod.self_test = if fails || is_silent {
                    SelfTest::Failed { at: now, message: "no row".to_owned() }
                } else {
                    SelfTest::Passed
                };
            }
        }
    }

    fn end_probes(&mut self, name: &str) {
        let now = self.now;
        let facts = self.facts(name);
        let behaviours = &self.behaviours;
        let node = self.nodes.get_mut(name).expect("a node");
        let uid = node.uid.clone();
        let Some(record) = node.record.as_mut().filter(|record| record.uid == uid) else { return };
        for (revision, probe) in &mut record.probes {
            if probe.outcome != ProbeOutcome::Running || probe.at + seconds(PROBE) > now {
                continue;
            }
            probe.at = now;
            if behaviours[revision] == Behaviour::ProbeFails {
                probe.outcome = ProbeOutcome::Failed { message: "ErrImagePull".to_owned() };
            } else {
                probe.outcome = ProbeOutcome::Passed;
                record.facts = Some(facts.clone());
                self.proven.insert((uid.clone(), revision.clone()));
            }
        }
    }

    pub(crate) fn start_test(&mut self, name: &str, uid: &str) {
        let node = self.nodes.get_mut(name).expect("a node");
        if let Some(pod) = node.pods.iter_mut().find(|pod| pod.uid == uid && !pod.is_terminating) {
            pod.self_test = SelfTest::Running;
            self.tests.insert(uid.to_owned(), self.now + seconds(SELF_TEST));
        }
    }

    /// The kubelet falls silent: what runs there runs on, unseen.
    pub(crate) fn node_down(&mut self, name: &str) {
        let now = self.now;
        let node = self.nodes.get_mut(name).expect("a node");
        if node.presence != Presence::Ready {
            return;
        }
        node.presence = Presence::NotReady;
        node.ready_since = None;
        for pod in &mut node.pods {
            if matches!(pod.readiness, Readiness::Ready { .. }) {
                pod.readiness = Readiness::NotReady { since: now };
                pod.spool_age = None;
                self.starts.insert(pod.uid.clone(), now);
            }
        }
        self.touch(name);
    }

    pub(crate) fn node_up(&mut self, name: &str) {
        let node = self.nodes.get_mut(name).expect("a node");
        if node.presence != Presence::NotReady {
            return;
        }
        node.presence = Presence::Ready;
        node.ready_since = Some(self.now);
        let soon = self.now + seconds(START);
        let silent = node.pods.iter().filter(|pod| pod.failure.is_none() && !pod.is_terminating);
        for pod in silent {
            self.starts.insert(pod.uid.clone(), soon);
        }
        self.touch(name);
    }

    /// The node object is deleted, and its pods with it.
    pub(crate) fn vanish(&mut self, name: &str) {
        let since = self.now;
        let node = self.nodes.get_mut(name).expect("a node");
        node.pods.clear();
        node.label = None;
        node.is_selected = false;
        node.presence = Presence::Vanished { since };
        node.ready_since = None;
        self.touch(name);
    }

    /// Another machine, or the same one, registers under the name.
    pub(crate) fn replace(&mut self, name: &str) {
        self.vanish(name);
        let (uid, now) = (self.unique(), self.now);
        let node = self.nodes.get_mut(name).expect("a node");
        node.uid = uid;
        node.is_selected = true;
        node.is_cordoned = false;
        node.presence = Presence::Ready;
        node.ready_since = Some(now);
        self.touch(name);
    }
}
