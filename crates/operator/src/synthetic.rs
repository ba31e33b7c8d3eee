//! Tests that the operator makes itself where a gate wants for samples.
//!
//! One at a time, by turns of a station with the new revision and of one that it is
//! compared with, from a node that has neither.  Their pods are numbered, and of one
//! number there can be one only, so that two leaders do not both make the next; the
//! newest stays, for it is what remembers whose turn it is and how much was moved
//! today.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveTime, TimeDelta};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use trigpoint_crd::fleet::{Baseline, Gate, GateMetric};
use trigpoint_rollout::{FleetReport, Reason, Revision, Time, Verdict};

use crate::names;
use crate::observed::node::{is_ready, label};
use crate::observed::pod::{self, OneShot};
use crate::render::SPEEDTEST;
use crate::view::View;

/// A pod that is not over by then found no node, or no image.
const OVERDUE: TimeDelta = TimeDelta::minutes(5);
/// After a test that failed.
const RETRY: TimeDelta = TimeDelta::minutes(1);
/// What a pod remembers is worth a day.
const KEPT: TimeDelta = TimeDelta::hours(24);
const GIGABYTE: u64 = 1_000_000_000;

/// What is to be done about samples.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    /// Nothing, until something changes.
    Rest,
    /// Nothing until then.
    Wait(Time),
    Test(Test<'a>),
}

/// The next test.
#[derive(Debug)]
pub(crate) struct Test<'a> {
    pub(crate) tested: Station<'a>,
    /// Where its client runs.
    pub(crate) from: &'a Node,
    /// The client's revision: the same for both sides, so that what differs is the
    /// station.
    pub(crate) client: Revision,
    pub(crate) account: Account,
}

/// A station that serves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Station<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) node: &'a Node,
}

/// What a pod remembers: which test it is, and what was moved before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) number: u64,
    /// Of Greenwich, as in `2026-11-27`.
    day: String,
    /// On that day.
    bytes: u64,
    /// The most of one test, ever.
    most: u64,
}

/// What a test leaves as its termination message, as far as it is of interest here.
#[derive(Debug, Deserialize)]
struct Told {
    bytes: u64,
}

pub(crate) fn next<'a>(view: &'a View, report: &FleetReport, now: Time) -> Turn<'a> {
    let gigabytes = u64::try_from(view.fleet.spec.synthetic_tests.gigabytes_per_day).unwrap_or(0);
    let gates = lacking(view, report);
    if gigabytes == 0 || gates.is_empty() {
        return Turn::Rest;
    }
    let newest = newest(view);
    match newest.map(|test| (pod::created_at(test), pod::one_shot(test))) {
        Some((at, OneShot::Running)) if now < at + OVERDUE => return Turn::Wait(at + OVERDUE),
        Some((_, OneShot::Failed(at, _))) if now < at + RETRY => return Turn::Wait(at + RETRY),
        _ => {}
    }
    let account = Account::after(newest, now);
    if account.bytes + account.most > gigabytes * GIGABYTE {
        return Turn::Wait(tomorrow(now));
    }
    match choose(view, report, &gates, account) {
        Some(test) => Turn::Test(test),
        None => Turn::Rest,
    }
}

/// Gates of the open wave that cannot be answered for want of tests.
fn lacking<'a>(view: &'a View, report: &FleetReport) -> Vec<&'a Gate> {
    let spec = &view.fleet.spec;
    let is_stopped =
        report.paused.as_ref().is_some_and(|wait| wait.reason != Reason::GateInconclusive);
    let is_deleted = view.fleet.metadata.deletion_timestamp.is_some();
    let wave = spec.rollout.waves.iter().find(|wave| report.wave.as_ref() == Some(&wave.name));
    let Some(wave) = wave else { return Vec::new() };
    if is_stopped || is_deleted || spec.rollout.skip_gates.is_some() {
        return Vec::new();
    }
    let is_open = |gate: &Gate| {
        report.gates.iter().any(|record| {
            record.gate == gate.name
                && record.wave == wave.name
                && record.revision == report.target
                && record.last.verdict == Verdict::Inconclusive
        })
    };
    let gates = spec.gates.iter().filter(|gate| {
        // A spool's age is asked of the stations, not of tests.
        gate.metric != GateMetric::SpoolAgeSeconds && wave.gates.contains(&gate.name)
    });
    gates.filter(|gate| is_open(gate)).collect()
}

fn choose<'a>(
    view: &'a View,
    report: &FleetReport,
    gates: &[&Gate],
    account: Account,
) -> Option<Test<'a>> {
    let stable = report.stable.as_ref()?;
    let candidates = stations(view, report, &report.target);
    let baseline = match baseline(gates) {
        None => Vec::new(),
        Some(Baseline::SameSite) => {
            let label = &view.fleet.spec.site_label;
            let site = |station: &Station<'a>| station.node.labels().get(label);
            let sites: BTreeSet<_> = candidates.iter().map(site).collect();
            let mut others = stations(view, report, stable);
            others.retain(|station| sites.contains(&site(station)));
            others
        }
        Some(_) => stations(view, report, stable),
    };
    // Both tests of a pair come from one place, where there is a third node.
    let pair = usize::try_from(account.number / 2).unwrap_or_default();
    let of_pair = |side: &[Station<'a>]| (!side.is_empty()).then(|| side[pair % side.len()]);
    let (candidate, other) = (of_pair(&candidates)?, of_pair(&baseline));
    let tested =
        if account.number.is_multiple_of(2) { candidate } else { other.unwrap_or(candidate) };
    let sides = [Some(candidate), other].into_iter().flatten();
    let names: BTreeSet<String> = sides.map(|station| station.node.name_any()).collect();
    let mut sources = sources(view, &names);
    if sources.is_empty() {
        sources = self::sources(view, &BTreeSet::from([tested.node.name_any()]));
    }
    let from = (!sources.is_empty()).then(|| sources[pair % sources.len()])?;
    Some(Test { tested, from, client: stable.clone(), account })
}

/// What the tests are compared with, if with any that can still be made.
fn baseline(gates: &[&Gate]) -> Option<Baseline> {
    let has = |baseline: Baseline| gates.iter().any(|gate| gate.baseline == baseline);
    [Baseline::Stable, Baseline::SameSite].into_iter().find(|baseline| has(*baseline))
}

/// Stations of a revision that serve and stay, by name of their node.
fn stations<'a>(view: &'a View, report: &FleetReport, revision: &Revision) -> Vec<Station<'a>> {
    let nodes: BTreeMap<String, &Node> =
        view.nodes.iter().map(|node| (node.name_any(), node.as_ref())).collect();
    let mut stations: Vec<Station<'a>> = view
        .pods_for(names::STATION)
        .filter(|pod| pod::is_ready(pod) && pod.metadata.deletion_timestamp.is_none())
        .filter(|pod| pod::revision(pod) == *revision)
        .filter_map(|pod| Some(Station { pod, node: nodes.get(pod::node(pod)?)? }))
        .filter(|station| {
            label(station.node).as_ref() == Some(revision)
                && !report.in_flight.iter().any(|flight| flight.node == station.node.name_any())
        })
        .collect();
    stations.sort_by_key(|station| station.node.name_any());
    stations
}

/// Nodes that take an ordinary pod and are none of these: those without a station, or,
/// where each has one, all.
fn sources<'a>(view: &'a View, without: &BTreeSet<String>) -> Vec<&'a Node> {
    let mut nodes: Vec<&Node> = view
        .nodes
        .iter()
        .map(AsRef::as_ref)
        .filter(|node| takes_pods(node) && !without.contains(&node.name_any()))
        .collect();
    nodes.sort_by_key(|node| node.name_any());
    if nodes.iter().any(|node| label(node).is_none()) {
        nodes.retain(|node| label(node).is_none());
    }
    nodes
}

fn takes_pods(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    is_ready(node)
        && spec.is_none_or(|spec| spec.unschedulable != Some(true))
        && taints.iter().all(|taint| taint.effect == "PreferNoSchedule")
}

/// The fleet's station on that node.
pub(crate) fn station_of<'a>(view: &'a View, node: &Node) -> Option<&'a Pod> {
    view.stations_on(&node.name_any()).next().map(AsRef::as_ref)
}

impl Account {
    /// Of the test that follows on that one.
    fn after(newest: Option<&Pod>, now: Time) -> Self {
        let today = now.format("%Y-%m-%d").to_string();
        let before = newest.and_then(|test| Some((test, Self::of(test)?)));
        let Some((test, before)) = before else { return Self { day: today, ..Self::default() } };
        let moved = pod::last_words(test, SPEEDTEST)
            .and_then(|words| serde_json::from_str::<Told>(words).ok())
            .map(|told| told.bytes);
        let most = before.most.max(moved.unwrap_or(0));
        // One that broke off does not say how much it moved.
        let bytes = if before.day == today { before.bytes + moved.unwrap_or(most) } else { 0 };
        Self { number: before.number + 1, day: today, bytes, most }
    }

    fn of(test: &Pod) -> Option<Self> {
        serde_json::from_str(test.annotations().get(names::SYNTHETIC_ACCOUNT)?).ok()
    }

    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn newest(view: &View) -> Option<&Pod> {
    let tests = view.pods_for(names::SYNTHETIC_TEST).map(AsRef::as_ref);
    tests
        .filter_map(|test| Some((Account::of(test)?.number, test)))
        .max_by_key(|(n, _)| *n)
        .map(|(_, test)| test)
}

/// Whether a test remembers nothing that is still of use.
pub(crate) fn is_waste(view: &View, test: &Pod, now: Time) -> bool {
    newest(view).is_none_or(|newest| newest.uid() != test.uid())
        || pod::created_at(test) + KEPT <= now
}

fn tomorrow(now: Time) -> Time {
    (now + TimeDelta::days(1)).date_naive().and_time(NaiveTime::MIN).and_utc()
}
