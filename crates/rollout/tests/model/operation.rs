//! What happens to a world.

use proptest::prelude::*;
use trigpoint_rollout::{Approval, Maintenance, Presence, Revision};

use super::world::{Behaviour, Link, World, seconds};

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A planner sees some parts anew.
    Refresh(usize, u8),
    /// It plans, and is stopped after so many actions.
    Round(usize, usize),
    /// All goes well for so many rounds.
    Work(usize),
    /// Seconds pass.
    Advance(u64),
    Down(u8),
    Up(u8),
    Cordon(u8, bool),
    Vanish(u8),
    Replace(u8),
    Join(u8),
    Select(u8, bool),
    Link(u8, Link),
    NewRevision(Behaviour),
    Pin(u8),
    Unpin,
    Pause(bool),
    Approve,
    Resume,
    SkipGates(bool),
    MaxParallel(usize),
    WipeStatus,
    Maintain(u8, bool),
    Collector(bool),
    StuckSpool(u8, bool),
    LoseRows(u8),
    RemoveLabel(u8),
}

pub(crate) fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation as O;
    let node = 0_u8..8;
    let behaviour = prop_oneof![
        4 => Just(Behaviour::Good),
        1 => Just(Behaviour::ProbeFails),
        1 => Just(Behaviour::Crashes),
        1 => Just(Behaviour::NeverReady),
        1 => Just(Behaviour::SelfTestFails),
        1 => Just(Behaviour::GateFails),
        1 => Just(Behaviour::GateInconclusive),
    ];
    let link = prop_oneof![2 => Just(Link::Fast), 2 => Just(Link::Slow), 1 => Just(Link::Unknown)];
    let planners = prop_oneof![
        10 => (0_usize..2, 0_u8..64).prop_map(|(p, parts)| O::Refresh(p, parts)),
        12 => (0_usize..2, 0_usize..6).prop_map(|(p, most)| O::Round(p, most)),
        20 => (1_usize..30).prop_map(O::Work),
        8 => (1_u64..100).prop_map(O::Advance),
    ];
    let nodes = prop_oneof![
        node.clone().prop_map(O::Down),
        node.clone().prop_map(O::Up),
        (node.clone(), any::<bool>()).prop_map(|(n, is)| O::Cordon(n, is)),
        node.clone().prop_map(O::Vanish),
        node.clone().prop_map(O::Replace),
        (0_u8..4).prop_map(O::Join),
        (node.clone(), any::<bool>()).prop_map(|(n, is)| O::Select(n, is)),
        (node.clone(), link).prop_map(|(n, link)| O::Link(n, link)),
        (node.clone(), any::<bool>()).prop_map(|(n, is)| O::Maintain(n, is)),
        (node.clone(), any::<bool>()).prop_map(|(n, is)| O::StuckSpool(n, is)),
        node.clone().prop_map(O::LoseRows),
        node.prop_map(O::RemoveLabel),
    ];
    let people = prop_oneof![
        8 => behaviour.prop_map(O::NewRevision),
        1 => (0_u8..4).prop_map(O::Pin),
        1 => Just(O::Unpin),
        1 => any::<bool>().prop_map(O::Pause),
        2 => Just(O::Approve),
        2 => Just(O::Resume),
        1 => any::<bool>().prop_map(O::SkipGates),
        1 => (1_usize..4).prop_map(O::MaxParallel),
        2 => Just(O::WipeStatus),
        1 => any::<bool>().prop_map(O::Collector),
    ];
    prop::collection::vec(prop_oneof![6 => planners, 2 => nodes, 2 => people], 0..60)
}

impl World {
    pub(crate) fn perform(&mut self, operation: &Operation) -> Result<(), TestCaseError> {
        use Operation as O;
        match *operation {
            O::Refresh(planner, parts) => self.refresh(planner, parts),
            O::Round(planner, most) => {
                self.round(planner, most)?;
            }
            O::Work(rounds) => {
                for _ in 0..rounds {
                    self.refresh(0, u8::MAX);
                    self.round(0, usize::MAX)?;
                    self.advance(seconds(4));
                    self.check_cluster()?;
                }
            }
            O::Advance(by) => self.advance(seconds(by)),
            O::Down(n) => self.node_down(&self.name(n)),
            O::Up(n) => self.node_up(&self.name(n)),
            O::Cordon(n, is_cordoned) => self.change(n, |node| node.is_cordoned = is_cordoned),
            O::Vanish(n) => self.vanish(&self.name(n)),
            O::Replace(n) => self.replace(&self.name(n)),
            O::Join(site) => self.join(site),
            O::Select(n, is_selected) => self.change(n, |node| {
                let is_there = !matches!(node.presence, Presence::Vanished { .. });
                node.is_selected = is_selected && is_there;
            }),
            O::Link(n, link) => {
                self.links.insert(self.name(n), link);
            }
            O::NewRevision(behaviour) => self.new_revision(behaviour),
            O::Pin(n) => {
                let index = usize::from(n) % self.revisions.len();
                self.desired.revision = self.revisions.keys().nth(index).cloned();
            }
            O::Unpin => self.desired.revision = None,
            O::Pause(is_paused) => self.desired.rollout.paused = is_paused,
            O::Approve => self.approve(),
            O::Resume => self.desired.rollout.resumed_at = Some(self.now),
            O::SkipGates(is) => {
                self.desired.rollout.skip_gates = is.then(|| "an emergency".to_owned());
            }
            O::MaxParallel(n) => {
                for wave in &mut self.desired.rollout.waves {
                    wave.max_parallel = n;
                }
            }
            O::WipeStatus => self.wipe_status(),
            O::Maintain(n, is) => self.change(n, |node| {
                if let Some(record) = &mut node.record {
                    record.maintenance = is.then(|| Maintenance { reason: "reboot".to_owned() });
                }
            }),
            O::Collector(is_up) => self.is_collector_up = is_up,
            O::StuckSpool(n, is_stuck) => {
                let name = self.name(n);
                if is_stuck {
                    self.stuck_spools.insert(name);
                } else {
                    self.stuck_spools.remove(&name);
                }
            }
            O::LoseRows(n) => {
                self.losing.insert(self.name(n));
            }
            O::RemoveLabel(n) => self.change(n, |node| node.label = None),
        }
        self.check_cluster()
    }

    fn change(&mut self, n: u8, change: impl FnOnce(&mut trigpoint_rollout::Node)) {
        let name = self.name(n);
        change(self.nodes.get_mut(&name).expect("a node"));
        self.touch(&name);
    }

    pub(crate) fn new_revision(&mut self, behaviour: Behaviour) {
        let revision = Revision::new(format!("edge-{}", self.unique()));
        self.add_revision(revision.clone(), behaviour);
        self.desired.newest = revision;
    }

    fn approve(&mut self) {
        let revision = self.desired.target().clone();
        let Some(wave) = self
            .desired
            .rollout
            .waves
            .iter()
            .find(|wave| {
                let rollout = self.ledger.rollout.as_ref();
                rollout.is_none_or(|rollout| !rollout.passed.contains(&wave.name))
            })
            .map(|wave| wave.name.clone())
        else {
            return;
        };
        self.desired.rollout.approvals.push(Approval { revision, wave, at: self.now });
    }

    /// As the restore of a backup without status does.
    fn wipe_status(&mut self) {
        for node in self.nodes.values_mut() {
            if let Some(record) = &mut node.record {
                record.facts = None;
                record.probes.clear();
                record.last_drain = None;
            }
        }
    }
}
