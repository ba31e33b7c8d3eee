//! The truth, and what two planners see of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use trigpoint_rollout::{
    Approve, Desired, Facts, Gate, Ledger, Limit, Node, NodeRecord, Observed, OnFail, OnFailure,
    Pod, Presence, Qualification, Readiness, Revision, RevisionRecord, Rollout, SelfTest, Time,
    Wave, WaveNodes, Window,
};

/// What a revision does when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Good,
    ProbeFails,
    Crashes,
    NeverReady,
    SelfTestFails,
    GateFails,
    GateInconclusive,
}

/// What a probe finds out about a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Fast,
    Slow,
    Unknown,
}

/// How a world begins.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) sites: Vec<u8>,
    pub(crate) is_established: bool,
    pub(crate) waves: Vec<(Option<u8>, usize, bool, bool)>,
    pub(crate) max_unavailable: Limit,
    pub(crate) max_lost: u32,
    pub(crate) failure_budget: u32,
    pub(crate) on_failure: OnFailure,
    pub(crate) requires_self_test: bool,
    pub(crate) on_fail: OnFail,
    /// The first twenty minutes of each hour.
    pub(crate) has_windows: bool,
}

/// Any setup.
pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let wave = (
        prop_oneof![Just(None), (1_u8..90).prop_map(Some)],
        1_usize..4,
        any::<bool>(),
        prop::bool::weighted(0.2),
    );
    let limit = prop_oneof![(1_u32..4).prop_map(Limit::Count), (1_u8..60).prop_map(Limit::Percent)];
    (
        prop::collection::vec(0_u8..4, 1..8),
        prop::bool::weighted(0.8),
        prop::collection::vec(wave, 0..3),
        limit,
        0_u32..4,
        prop_oneof![3 => Just(0_u32), 1 => Just(2)],
        prop_oneof![Just(OnFailure::Pause), Just(OnFailure::Rollback)],
        any::<bool>(),
        prop_oneof![3 => Just(OnFail::Exclude), 1 => Just(OnFail::Hold), 1 => Just(OnFail::Warn)],
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(
                sites,
                is_established,
                waves,
                max_unavailable,
                max_lost,
                failure_budget,
                on_failure,
                requires_self_test,
                on_fail,
                has_windows,
            )| Setup {
                sites,
                is_established,
                waves,
                max_unavailable,
                max_lost,
                failure_budget,
                on_failure,
                requires_self_test,
                on_fail,
                has_windows,
            },
        )
}

/// What one planner sees, each part as old as it is.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) desired: Desired,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) pods: BTreeMap<String, Vec<Pod>>,
    pub(crate) records: BTreeMap<String, Option<NodeRecord>>,
    pub(crate) revisions: BTreeMap<Revision, RevisionRecord>,
    pub(crate) ledger: (Ledger, u64),
    pub(crate) is_collector_up: bool,
}

/// The truth.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) desired: Desired,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) links: BTreeMap<String, Link>,
    pub(crate) stuck_spools: BTreeSet<String>,
    pub(crate) losing: BTreeSet<String>,
    pub(crate) revisions: BTreeMap<Revision, RevisionRecord>,
    pub(crate) behaviours: BTreeMap<Revision, Behaviour>,
    pub(crate) ledger: Ledger,
    pub(crate) ledger_version: u64,
    pub(crate) is_collector_up: bool,
    pub(crate) has_finalizer: bool,
    /// By pod: when it ends, or gets ready.
    pub(crate) ends: BTreeMap<String, Time>,
    pub(crate) starts: BTreeMap<String, Time>,
    pub(crate) tests: BTreeMap<String, Time>,
    /// (node uid, revision) for which a probe ever passed.
    pub(crate) proven: BTreeSet<(String, Revision)>,
    pub(crate) views: [View; 2],
    /// Labels that were taken away by a planner.
    pub(crate) releases: usize,
    next: u64,
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let now: Time = "2026-11-27T08:00:00Z".parse().expect("a time");
        let first = Revision::new("edge-0");
        let desired = desired(setup, &first);
        let mut world = Self {
            now,
            desired: desired.clone(),
            nodes: BTreeMap::new(),
            links: BTreeMap::new(),
            stuck_spools: BTreeSet::new(),
            losing: BTreeSet::new(),
            revisions: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            ledger: Ledger::default(),
            ledger_version: 0,
            is_collector_up: true,
            has_finalizer: true,
            ends: BTreeMap::new(),
            starts: BTreeMap::new(),
            tests: BTreeMap::new(),
            proven: BTreeSet::new(),
            views: [0, 1].map(|_| View {
                desired: desired.clone(),
                nodes: BTreeMap::new(),
                pods: BTreeMap::new(),
                records: BTreeMap::new(),
                revisions: BTreeMap::new(),
                ledger: (Ledger::default(), 0),
                is_collector_up: true,
            }),
            releases: 0,
            next: 0,
        };
        world.add_revision(first.clone(), Behaviour::Good);
        for site in &setup.sites {
            world.join(*site);
        }
        if setup.is_established {
            world.establish(&first);
        }
        world.refresh(0, u8::MAX);
        world.refresh(1, u8::MAX);
        world
    }

    fn establish(&mut self, revision: &Revision) {
        let record = self.revisions.get_mut(revision).expect("it was added");
        record.promoted_at = Some(self.now);
        record.has_daemon_set = true;
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let uid = self.unique();
            let since = self.now;
            let facts = self.facts(&name);
            let node = self.nodes.get_mut(&name).expect("it is a key");
            node.label = Some(revision.clone());
            node.record = Some(NodeRecord {
                uid: node.uid.clone(),
                assigned: Some(revision.clone()),
                facts: Some(facts),
                ..NodeRecord::default()
            });
            node.pods = vec![Pod {
                uid,
                revision: revision.clone(),
                created_at: since,
                is_terminating: false,
                is_unscheduled: false,
                readiness: Readiness::Ready { since },
                failure: None,
                spool_age: Some(Duration::ZERO),
                self_test: SelfTest::Passed,
            }];
        }
    }

    pub(crate) fn unique(&mut self) -> String {
        self.next += 1;
        format!("u{}", self.next)
    }

    pub(crate) fn add_revision(&mut self, revision: Revision, behaviour: Behaviour) {
        self.behaviours.insert(revision.clone(), behaviour);
        self.revisions.insert(
            revision,
            RevisionRecord {
                created_at: self.now,
                promoted_at: None,
                has_daemon_set: false,
                refusal: None,
            },
        );
    }

    pub(crate) fn join(&mut self, site: u8) {
        let uid = self.unique();
        let name = format!("n{}", self.nodes.len());
        // Every third node is in the waves that choose by selector.
        let waves = if self.nodes.len().is_multiple_of(3) {
            ["w0", "w1"].map(str::to_owned).into()
        } else {
            BTreeSet::new()
        };
        self.links.insert(name.clone(), Link::Fast);
        self.nodes.insert(
            name,
            Node {
                uid,
                version: "0".to_owned(),
                is_selected: true,
                presence: Presence::Ready,
                ready_since: Some(self.now),
                is_cordoned: false,
                label: None,
                site: (site > 0).then(|| format!("s{site}")),
                kernel: Some("6.12.0".to_owned()),
                waves,
                record: None,
                pods: Vec::new(),
            },
        );
    }

    /// The nth node's name, counted around.
    pub(crate) fn name(&self, index: u8) -> String {
        self.nodes.keys().nth(usize::from(index) % self.nodes.len()).expect("a node").clone()
    }

    /// Something of a node's object changed.
    pub(crate) fn touch(&mut self, name: &str) {
        self.next += 1;
        if let Some(node) = self.nodes.get_mut(name) {
            node.version = self.next.to_string();
        }
    }

    /// What a probe would find out now.
    pub(crate) fn facts(&self, name: &str) -> Facts {
        Facts {
            measured_at: self.now,
            congestion_controls: None,
            clock_offset_micros: None,
            ipv4: None,
            ipv6: None,
            virtualization: None,
            link_mbps: match self.links[name] {
                Link::Fast => Some(10_000),
                Link::Slow => Some(100),
                Link::Unknown => None,
            },
            cpu_manager_policy: None,
            keeps_client_address: None,
        }
    }

    /// A planner sees some parts anew.
    pub(crate) fn refresh(&mut self, planner: usize, parts: u8) {
        let view = &mut self.views[planner];
        if parts & 1 != 0 {
            view.desired = self.desired.clone();
        }
        if parts & 2 != 0 {
            view.nodes = self.nodes.clone();
        }
        if parts & 4 != 0 {
            view.pods =
                self.nodes.iter().map(|(name, node)| (name.clone(), node.pods.clone())).collect();
        }
        if parts & 8 != 0 {
            view.records =
                self.nodes.iter().map(|(name, node)| (name.clone(), node.record.clone())).collect();
        }
        if parts & 16 != 0 {
            view.revisions = self.revisions.clone();
            view.is_collector_up = self.is_collector_up;
        }
        if parts & 32 != 0 {
            view.ledger = (self.ledger.clone(), self.ledger_version);
        }
    }
}

impl View {
    pub(crate) fn observed(&self) -> Observed {
        let node = |(name, node): (&String, &Node)| {
            let pods = self.pods.get(name).cloned().unwrap_or_default();
            let record = self.records.get(name).cloned().flatten();
            (name.clone(), Arc::new(Node { pods, record, ..node.clone() }))
        };
        Observed {
            nodes: self.nodes.iter().map(node).collect(),
            revisions: self.revisions.clone(),
            ledger: self.ledger.0.clone(),
            ledger_version: self.ledger.1.to_string(),
            is_collector_up: self.is_collector_up,
        }
    }
}

fn desired(setup: &Setup, first: &Revision) -> Desired {
    let mut waves: Vec<Wave> = Vec::new();
    let mut least = 0;
    for (index, (percent, max_parallel, has_gate, is_manual)) in setup.waves.iter().enumerate() {
        let nodes = match percent {
            Some(percent) => {
                least = least.max(*percent);
                WaveNodes::Percent(least)
            }
            None => WaveNodes::Selected,
        };
        waves.push(Wave {
            name: format!("w{index}"),
            nodes,
            max_parallel: *max_parallel,
            bake: seconds(60),
            gates: if *has_gate { vec!["rate".to_owned()] } else { Vec::new() },
            approval: if *is_manual { Approve::Manual } else { Approve::Auto },
        });
    }
    waves.push(Wave {
        name: "all".to_owned(),
        nodes: WaveNodes::Percent(100),
        max_parallel: 2,
        bake: seconds(30),
        gates: vec!["rate".to_owned()],
        approval: Approve::Auto,
    });
    Desired {
        fleet: "edge".to_owned(),
        is_deleted: false,
        newest: first.clone(),
        revision: None,
        drain_grace: seconds(30),
        qualification: Qualification {
            min_link_mbps: Some(1_000),
            recheck: Some(seconds(600)),
            on_fail: setup.on_fail,
            ..Qualification::default()
        },
        rollout: Rollout {
            waves,
            max_unavailable: setup.max_unavailable,
            max_lost: Limit::Count(setup.max_lost),
            failure_budget: setup.failure_budget,
            on_failure: setup.on_failure,
            node_deadline: seconds(60),
            min_ready: seconds(5),
            requires_self_test: setup.requires_self_test,
            max_parallel_per_site: 1,
            windows: if setup.has_windows { hourly() } else { Vec::new() },
            paused: false,
            skip_gates: None,
            approvals: Vec::new(),
            resumed_at: None,
        },
        gates: vec![Gate {
            name: "rate".to_owned(),
            interval: seconds(20),
            failure_limit: 1,
            inconclusive_limit: 2,
            error_limit: 2,
        }],
        revision_history_limit: 3,
    }
}

fn hourly() -> Vec<Window> {
    let at = |hour, minute| chrono::NaiveTime::from_hms_opt(hour, minute, 0).expect("a time");
    let window = |hour| Window {
        days: Vec::new(),
        start: at(hour, 0),
        end: at(hour, 20),
        time_zone: chrono_tz::UTC,
    };
    (0..24).map(window).collect()
}
