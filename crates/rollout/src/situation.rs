//! A moment of a fleet, judged once, and the plan that grows from it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::course::{Course, Kind};
use crate::qualification::{self, Qualified};
use crate::{
    Action, Change, Desired, Fence, Finding, Ledger, Node, Observed, Readiness, Reason, Time, Wait,
    Wave,
};

/// What does not change while a plan is made.
#[derive(Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) desired: &'a Desired,
    pub(crate) observed: &'a Observed,
    pub(crate) now: Time,
    pub(crate) course: Course,
    /// By node; asked for many times in a plan.
    qualified: HashMap<&'a str, Qualified>,
    /// Nodes by site.
    sites: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Situation<'a> {
    pub(crate) fn new(desired: &'a Desired, observed: &'a Observed, now: Time) -> Self {
        let course = Course::of(desired, observed);
        let judge = |(name, node): (&'a String, &'a Arc<Node>)| {
            let foreign = node.label.as_ref().filter(|label| !desired.owns(label));
            let verdict = match foreign {
                Some(label) => Qualified::No(vec![Finding {
                    reason: Reason::OwnedByOtherFleet,
                    message: format!("the node has `{label}`, a revision of another fleet"),
                }]),
                None => qualification::judge(&desired.qualification, node),
            };
            (name.as_str(), verdict)
        };
        let qualified = observed.nodes.iter().map(judge).collect();
        let mut sites: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, node) in &observed.nodes {
            if let Some(site) = &node.site {
                sites.entry(site).or_default().push(name);
            }
        }
        Self { desired, observed, now, course, qualified, sites }
    }

    pub(crate) fn of_site(&self, site: &str) -> impl Iterator<Item = (&'a str, &'a Node)> {
        let names = self.sites.get(site).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(|name| Some((*name, self.observed.nodes.get(*name)?.as_ref())))
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        self.observed.nodes.iter().map(|(name, node)| (name.as_str(), node.as_ref()))
    }

    pub(crate) fn verdict(&self, name: &str) -> &Qualified {
        self.qualified.get(name).unwrap_or(&Qualified::Awaiting)
    }

    /// It is of this fleet and may have a station, as far as its facts go.
    pub(crate) fn qualifies(&self, name: &str, node: &Node) -> bool {
        node.is_selected && matches!(self.verdict(name), Qualified::Yes | Qualified::Warned(_))
    }

    /// Facts of a node that could be used are not known yet.
    pub(crate) fn is_awaited(&self, name: &str, node: &Node) -> bool {
        node.is_selected
            && node.is_usable()
            && node.maintenance().is_none()
            && *self.verdict(name) == Qualified::Awaiting
    }

    /// Its pod has been ready for long enough, and since when it is.
    pub(crate) fn serves_since(&self, node: &Node) -> Option<Time> {
        match node.ready_pod()?.readiness {
            Readiness::Ready { since } if since + self.desired.rollout.min_ready <= self.now => {
                Some(since)
            }
            _ => None,
        }
    }

    /// The rollout of the target is written down.
    pub(crate) fn has_begun(&self) -> bool {
        let rollout = self.observed.ledger.rollout.as_ref();
        rollout.is_some_and(|rollout| rollout.revision == self.course.target)
    }

    /// Waves are needed, and the first that has not passed is open.
    pub(crate) fn open_wave(&self, ledger: &Ledger) -> Option<&'a Wave> {
        let desired: &'a Desired = self.desired;
        (self.course.kind == Kind::Waves)
            .then(|| desired.rollout.waves.iter().find(|wave| !ledger.has_passed(&wave.name)))?
    }

    /// The open wave, or behind the last one that last one, for as long as the target is
    /// not promoted: which nodes may have it, and how many at a time.
    pub(crate) fn wave(&self, ledger: &Ledger) -> Option<&'a Wave> {
        let desired: &'a Desired = self.desired;
        let last = desired.rollout.waves.last().filter(|_| self.course.kind == Kind::Waves);
        self.open_wave(ledger).or(last)
    }

    /// When a person last said yes to that wave.
    pub(crate) fn approved_at(&self, wave: &Wave) -> Option<Time> {
        self.desired
            .rollout
            .approvals
            .iter()
            .filter(|yes| yes.wave == wave.name && yes.revision == self.course.target)
            .map(|yes| yes.at)
            .max()
    }

    /// What must still hold when that node's label is changed.
    pub(crate) fn fence(&self, node: &Node) -> Fence {
        Fence {
            uid: node.uid.clone(),
            version: node.version.clone(),
            label: node.label.clone(),
            ledger_version: self.observed.ledger_version.clone(),
        }
    }
}

/// A plan that grows.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The ledger with all changes so far: what later decisions rest on.
    pub(crate) ledger: Ledger,
    pub(crate) changes: Vec<Change>,
    pub(crate) actions: Vec<Action>,
    /// By node.
    pub(crate) waits: BTreeMap<String, Wait>,
    pub(crate) wake_at: Option<Time>,
    now: Time,
}

impl Draft {
    pub(crate) fn new(ledger: Ledger, now: Time) -> Self {
        Self {
            ledger,
            changes: Vec::new(),
            actions: Vec::new(),
            waits: BTreeMap::new(),
            wake_at: None,
            now,
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        self.ledger.apply(&change, self.now);
        self.changes.push(change);
    }

    pub(crate) fn wake(&mut self, at: Time) {
        if at > self.now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// A node waits; the first reason that is found for it is the one that is told.
    pub(crate) fn wait(&mut self, node: &str, wait: Wait) {
        if let Some(until) = wait.until {
            self.wake(until);
        }
        self.waits.entry(node.to_owned()).or_insert(wait);
    }
}
