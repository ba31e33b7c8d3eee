//! The operator as a whole: watches, leadership, and the loop of rounds.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt as _};
use prometheus::Registry;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};
use trigpoint_crd::MeasurementFleet;
use trigpoint_process::{Phase, Shutdown};
use trigpoint_rollout::{FleetReport, Time};

use crate::act::Hands;
use crate::certificates::Keeper;
use crate::error::Stop;
use crate::gates::Questions;
use crate::leader::Candidate;
use crate::limiter::Limiter;
use crate::metrics::Metrics;
use crate::round::{Memory, round};
use crate::settings::Settings;
use crate::watch::{Health, Streams, is_of};
use crate::{Error, Gates, compatibility};

/// Changes come in swarms; a round sees a swarm as one.
const SETTLE: Duration = Duration::from_millis(500);
/// No call waits for ever; a round that is cut off is one whose operator was
/// killed, which harms nothing.
const LONGEST_ROUND: Duration = Duration::from_mins(5);
/// After a round that failed.
const RETRY: Duration = Duration::from_secs(5);

/// Namespace and name.
type Key = (Option<String>, String);

/// Brings fleets about, as soon as it leads.
pub struct Operator {
    client: Client,
    settings: Settings,
    gates: Option<Arc<dyn Gates>>,
    health: Health,
    metrics: Metrics,
}

impl Operator {
    /// Checks the installed definitions; starts nothing.  Without anybody to measure
    /// gates, a fleet that has some pauses at them.
    pub async fn new(
        client: Client,
        settings: Settings,
        gates: Option<Arc<dyn Gates>>,
        registry: &Registry,
    ) -> Result<Self, Error> {
        let metrics = Metrics::register(registry)?;
        compatibility::check(&client).await?;
        Ok(Self { client, settings, gates, health: Health::default(), metrics })
    }

    /// For `/livez`: fails with the names of watches that are dead.
    pub fn liveness(&self) -> impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static {
        let health = self.health.clone();
        let deadline = self.settings.stream_deadline;
        move || health.check(deadline)
    }

    /// Watches at once, acts while it leads, and ends with `shutdown`, or with an
    /// error when the lease is lost: whoever starts it again begins anew.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let streams = Streams::start(&self.client, &self.settings, &self.health);
        let candidate = Candidate::new(&self.client, &self.settings);
        tokio::select! {
            () = shutdown.reached(Phase::LameDuck) => return Ok(()),
            () = candidate.acquire() => {}
        }
        self.metrics.is_leader.set(1);
        let mut hands = Hands {
            client: self.client.clone(),
            leadership: candidate.leadership(),
            limiter: Limiter::new(self.settings.writes_per_second),
            metrics: self.metrics.clone(),
            has_keys: self.settings.certificates.is_some(),
            signing_key: None,
            questions: Questions::new(self.gates.clone(), streams.notify()),
        };
        let ended = tokio::select! {
            () = shutdown.reached(Phase::LameDuck) => Ok(()),
            lost = candidate.keep() => Err(lost),
            () = self.lead(&streams, &mut hands) => {
                Err(Error::LeaseLost { name: self.settings.lease_name.clone() })
            }
        };
        self.metrics.is_leader.set(0);
        candidate.release().await;
        ended
    }

    /// Round after round, until the lease is lost.
    async fn lead(&self, streams: &Streams, hands: &mut Hands) {
        let mut memories: HashMap<Key, Memory> = HashMap::new();
        // Objects that cannot be read, by uid, and why: each is told of once.
        let mut named: HashSet<(Option<String>, String)> = HashSet::new();
        let mut keeper = self.settings.certificates.as_ref().map(Keeper::new);
        loop {
            let mut wake_at = None;
            if streams.is_filled() {
                if let Some(keeper) = &mut keeper {
                    let namespaces =
                        streams.fleets().iter().filter_map(|f| f.namespace()).collect();
                    match timeout(LONGEST_ROUND, keeper.keep(hands, namespaces)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(Stop::LeaseLost)) => return,
                        Ok(Err(error)) => warn!(%error, "certificates are not as they should be"),
                        Err(_) => warn!("the care of certificates took too long"),
                    }
                    hands.signing_key = keeper.signing_key();
                    wake_at = Some(keeper.due());
                }
                match self.rounds(streams, hands, &mut memories).await {
                    Ok(at) => wake_at = earlier(wake_at, at),
                    Err(Lost) => return,
                }
            }
            let unreadable = streams.unreadable();
            for (kind, age) in self.health.ages() {
                self.metrics.stream_age.with_label_values(&[kind]).set(age.as_secs_f64());
                let count = unreadable.iter().filter(|object| object.kind == kind).count();
                self.metrics.unreadable.with_label_values(&[kind]).set(count as i64);
            }
            named.retain(|(uid, why)| {
                unreadable.iter().any(|o| o.metadata.uid == *uid && o.why == *why)
            });
            for object in &unreadable {
                if named.insert((object.metadata.uid.clone(), object.why.clone())) {
                    hands.tell_of_unreadable(object).await;
                }
            }
            let pause = wake_at.map_or(self.settings.stream_deadline, |at: Time| {
                (at - Utc::now()).to_std().unwrap_or_default()
            });
            tokio::select! {
                () = streams.changed() => {}
                () = sleep(pause) => {}
            }
            sleep(SETTLE).await;
        }
    }

    /// One round over each fleet; when to look again.
    async fn rounds(
        &self,
        streams: &Streams,
        hands: &Hands,
        memories: &mut HashMap<Key, Memory>,
    ) -> Result<Option<Time>, Lost> {
        let fleets = streams.fleets();
        memories.retain(|key, _| fleets.iter().any(|fleet| self::key(fleet) == *key));
        remember(&fleets, streams.departed(), memories);
        let mut wake_at: Option<Time> = None;
        let mut reports = Vec::new();
        for fleet in &fleets {
            let memory = memories.entry(key(fleet)).or_default();
            let view = streams.view(fleet, &memory.departed);
            let told = view.departed.len();
            let ended = timeout(LONGEST_ROUND, round(hands, &self.settings, &view, memory)).await;
            let (outcome, at) = match ended {
                Ok(Ok(round)) => {
                    if let Some(plan) = round.plan {
                        memory.forget(told, &plan);
                        reports.push(plan.fleet);
                    }
                    ("done", round.wake_at)
                }
                Ok(Err(Stop::LeaseLost)) => return Err(Lost),
                Ok(Err(stop)) => {
                    if !matches!(stop, Stop::Refused { .. }) {
                        warn!(fleet = fleet.name_any(), error = %stop, "a round failed");
                    }
                    // What a person must change comes with that change.
                    let is_invalid = matches!(stop, Stop::Invalid(_));
                    (stop.class(), (!is_invalid).then(|| Utc::now() + RETRY))
                }
                Err(_) => {
                    warn!(fleet = fleet.name_any(), "a round took too long");
                    ("timeout", Some(Utc::now() + RETRY))
                }
            };
            self.metrics.rounds.with_label_values(&[outcome]).inc();
            wake_at = earlier(wake_at, at);
        }
        self.show(&reports);
        Ok(wake_at)
    }

    fn show(&self, reports: &[FleetReport]) {
        let sum =
            |figure: fn(&FleetReport) -> usize| reports.iter().map(figure).sum::<usize>() as i64;
        for (state, count) in [
            ("selected", sum(|report| report.selected)),
            ("qualified", sum(|report| report.qualified)),
            ("excluded", sum(|report| report.excluded)),
            ("updated", sum(|report| report.updated)),
            ("ready", sum(|report| report.ready)),
            ("unavailable", sum(|report| report.unavailable)),
            ("lost", sum(|report| report.lost)),
            ("failed", sum(|report| report.failed)),
            ("in_flight", sum(|report| report.in_flight.len())),
        ] {
            self.metrics.nodes.with_label_values(&[state]).set(count);
        }
        let paused = reports.iter().filter(|report| report.paused.is_some()).count();
        self.metrics.paused_fleets.set(paused as i64);
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Operator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Another operator leads now.
struct Lost;

fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn key(fleet: &MeasurementFleet) -> Key {
    (fleet.namespace(), fleet.name_any())
}

/// Hands pods that left to the fleets that they were of.
fn remember(
    fleets: &[Arc<MeasurementFleet>],
    departed: Vec<Arc<Pod>>,
    memories: &mut HashMap<Key, Memory>,
) {
    for pod in departed {
        for fleet in fleets {
            if is_of(&pod.metadata, fleet.namespace().as_ref(), &fleet.name_any()) {
                info!(pod = pod.name_any(), "a pod left");
                memories.entry(key(fleet)).or_default().departed.push(Arc::clone(&pod));
            }
        }
    }
}
