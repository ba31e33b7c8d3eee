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
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt as _};

use crate::act::Hands;
use crate::error::Stop;
use crate::settings::Settings;
use crate::view::View;
use crate::{names, render, revisions};

/// The answers of a round.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) is_collector_up: bool,
    /// By uid of the pod.
    spool_ages: HashMap<String, Duration>,
    /// By name of the revision.
    refusals: BTreeMap<String, String>,
}

impl Asked {
    /// The best that they could be: what a plan would do then is what is worth
    /// asking for.
    pub(crate) fn hoped(view: &View) -> Self {
        let stations = view.pods_for(names::STATION).filter_map(|pod| pod.uid());
        Self {
            is_collector_up: true,
            spool_ages: stations.map(|uid| (uid, Duration::ZERO)).collect(),
            refusals: BTreeMap::new(),
        }
    }

    pub(crate) fn spool_age(&self, pod: &str) -> Option<Duration> {
        self.spool_ages.get(pod).copied()
    }

    pub(crate) fn refusal(&self, revision: &str) -> Option<&str> {
        self.refusals.get(revision).map(String::as_str)
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
        let mut asked = Asked::hoped(view);
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
            for (pod, age) in self.ages.ask(view, touched).await {
                match age {
                    Some(age) => asked.spool_ages.insert(pod, age),
                    None => asked.spool_ages.remove(&pod),
                };
            }
        }
        Ok(asked)
    }
}
