//! Answers that are not in any store: whether the collector takes rows, how old
//! spools are, whether a namespace takes a pod.
//!
//! They are asked for only when a plan is about to take a node: a quiet fleet asks
//! nobody.  What is remembered of them is worth seconds.

pub(crate) mod active_tests;
mod collector;
mod metrics;
mod refusal;
pub(crate) mod spool;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use trigpoint_rollout::{Observed, Pod as Station};

use crate::act::Hands;
use crate::error::Stop;
use crate::settings::Settings;
use crate::view::View;
use crate::{render, revisions};

/// The answers of a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    is_collector_up: bool,
    /// By uid of the pod; none of one that cannot be asked.
    spool_ages: HashMap<String, Option<Duration>>,
    /// By name of the revision.
    refusals: BTreeMap<String, String>,
}

impl Asked {
    /// Puts the answers in the place of what was hoped for; whether any is another one.
    pub(crate) fn apply_to(&self, observed: &mut Observed) -> bool {
        observed.is_collector_up = self.is_collector_up;
        let mut is_other = !self.is_collector_up;
        for (revision, record) in &mut observed.revisions {
            record.refusal = self.refusals.get(revision.as_str()).cloned();
            is_other |= record.refusal.is_some();
        }
        for node in observed.nodes.values_mut() {
            let is_asked = |pod: &Station| self.spool_ages.contains_key(&pod.uid);
            if !node.pods.iter().any(is_asked) {
                continue;
            }
            // The others are as they were seen, for the next round too.
            for pod in &mut Arc::make_mut(node).pods {
                if let Some(age) = self.spool_ages.get(&pod.uid) {
                    is_other |= pod.spool_age != *age;
                    pod.spool_age = *age;
                }
            }
        }
        is_other
    }
}

/// Answers of one fleet that are still good.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    refusals: refusal::Refusals,
    ages: spool::Ages,
    collector: Option<(Instant, bool)>,
}

impl Answers {
    /// Asks for what a plan for `target` rests on that would touch these nodes; for
    /// all others there is hope, until a plan would touch them.
    pub(crate) async fn ask(
        &mut self,
        hands: &Hands,
        settings: &Settings,
        view: &View,
        target: &str,
        touched: &BTreeSet<&str>,
    ) -> Result<Asked, Stop> {
        let mut asked = Asked::default();
        if let Some(record) = view.revision(target) {
            let pods: Api<Pod> = hands.api(&view.namespace());
            let pod = render::trial(&view.fleet, target, &revisions::template(record)?);
            if let Some(refusal) = self.refusals.ask(&pods, target, &pod).await? {
                asked.refusals.insert(target.to_owned(), refusal);
            }
        }
        asked.is_collector_up = match self.collector {
            Some((at, answer)) if at.elapsed() < spool::KEPT => answer,
            _ => {
                let answer = collector::is_up(settings.collector.as_ref()).await;
                self.collector = Some((Instant::now(), answer));
                answer
            }
        };
        // Without a collector rows wait for nobody.
        if settings.collector.is_some() {
            asked.spool_ages = self.ages.ask(view, touched).await;
        }
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use trigpoint_rollout::{Node, Presence, Readiness, Revision, SelfTest};

    use super::*;

    fn observed() -> Observed {
        let station = Station {
            uid: "station-uid".to_owned(),
            revision: Revision::new("stations-0123456789"),
            created_at: chrono::DateTime::default(),
            is_terminating: false,
            is_unscheduled: false,
            readiness: Readiness::Ready { since: chrono::DateTime::default() },
            failure: None,
            spool_age: Some(Duration::ZERO),
            self_test: SelfTest::Passed,
        };
        let node = Node {
            uid: "node-uid".to_owned(),
            version: "7".to_owned(),
            is_selected: true,
            presence: Presence::Ready,
            ready_since: None,
            is_cordoned: false,
            label: None,
            site: None,
            kernel: None,
            waves: BTreeSet::new(),
            record: None,
            pods: vec![station],
        };
        let nodes = BTreeMap::from([("node-1".to_owned(), Arc::new(node))]);
        Observed { nodes, is_collector_up: true, ..Observed::default() }
    }

    #[test]
    fn only_an_answer_that_was_not_hoped_for_is_another() {
        let mut seen = observed();
        let held = Arc::clone(&seen.nodes["node-1"]);
        let ages = |age| HashMap::from([("station-uid".to_owned(), age)]);
        let good = Asked { is_collector_up: true, ..Asked::default() };
        assert!(
            !Asked { spool_ages: ages(Some(Duration::ZERO)), ..good.clone() }.apply_to(&mut seen)
        );
        for age in [Some(Duration::from_secs(12)), None] {
            let mut seen = observed();
            assert!(Asked { spool_ages: ages(age), ..good.clone() }.apply_to(&mut seen));
            assert_eq!(seen.nodes["node-1"].pods[0].spool_age, age);
        }
        assert!(Asked::default().apply_to(&mut seen), "no collector is up");
        assert!(!seen.is_collector_up);
        // What was seen stays so for the next round.
        assert_eq!(held.pods[0].spool_age, Some(Duration::ZERO));
    }
}
