//! How long the oldest row of each station has waited for the collector.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use trigpoint_rollout::Revision;

use super::metrics;
use crate::names;
use crate::observed::pod::{self, is_ready, node};
use crate::render::{SERVER_ADMIN_PORT, TRACEROUTE_ADMIN_PORT};
use crate::view::View;

/// Stations that are asked at the same time.
const AT_ONCE: usize = 32;
const METRIC: &str = "trigpoint_spool_age_seconds";

/// How long an answer is good, of the ten seconds that a row may wait.
pub(super) const KEPT: Duration = Duration::from_secs(3);

/// Answers by uid of the pod, and when they came.
#[derive(Debug, Default)]
pub(super) struct Ages {
    answers: HashMap<String, (Instant, Option<Duration>)>,
}

impl Ages {
    /// Of the ready stations of these nodes; none of one that cannot be asked.
    pub(super) async fn ask(
        &mut self,
        view: &View,
        nodes: &BTreeSet<&str>,
    ) -> HashMap<String, Option<Duration>> {
        self.answers.retain(|_, (at, _)| at.elapsed() < KEPT);
        let stations: Vec<_> = view
            .pods_for(names::STATION)
            .filter(|pod| is_ready(pod) && node(pod).is_some_and(|node| nodes.contains(node)))
            .filter_map(|pod| Some((pod.uid()?, pod.as_ref())))
            .collect();
        let open = stations.iter().filter(|(uid, _)| !self.answers.contains_key(uid)).cloned();
        let answers = ages(open.collect()).await;
        let at = Instant::now();
        self.answers.extend(answers.into_iter().map(|(uid, age)| (uid, (at, age))));
        let answer = |uid: String| {
            let (_, age) = self.answers.get(&uid)?;
            Some((uid, *age))
        };
        stations.into_iter().filter_map(|(uid, _)| answer(uid)).collect()
    }
}

/// Of the ready stations of a revision, now; none of one that cannot be asked.
pub(crate) async fn of_revision(view: &View, revision: &Revision) -> Vec<Option<Duration>> {
    let stations = view
        .pods_for(names::STATION)
        .filter(|pod| is_ready(pod) && pod::revision(pod) == *revision)
        .filter_map(|pod| Some((pod.uid()?, pod.as_ref())))
        .collect();
    ages(stations).await.into_iter().map(|(_, age)| age).collect()
}

async fn ages(stations: Vec<(String, &Pod)>) -> Vec<(String, Option<Duration>)> {
    let asking: Vec<_> =
        stations.into_iter().map(|(uid, pod)| async move { (uid, age(pod).await) }).collect();
    futures::stream::iter(asking).buffer_unordered(AT_ONCE).collect().await
}

/// The older one of the spools of both containers.
async fn age(pod: &Pod) -> Option<Duration> {
    let mut oldest = Duration::ZERO;
    for port in [SERVER_ADMIN_PORT, TRACEROUTE_ADMIN_PORT] {
        oldest = oldest.max(read(&metrics::of(pod, port).await?)?);
    }
    Some(oldest)
}

/// The figure in the text of an admin endpoint.
fn read(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(metrics::figure(text, METRIC)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_found_among_other_figures() {
        let text = "# HELP trigpoint_spool_age_seconds How long\n\
                    # TYPE trigpoint_spool_age_seconds gauge\n\
                    trigpoint_spool_age_seconds 12.5\n\
                    trigpoint_spool_bytes 4096\n";
        assert_eq!(read(text), Some(Duration::from_millis(12_500)));
        assert_eq!(read("trigpoint_spool_bytes 4096\n"), None);
        assert_eq!(read("trigpoint_spool_age_seconds NaN\n"), None);
    }
}
