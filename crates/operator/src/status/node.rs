//! What is said about a node.

use kube::ResourceExt as _;
use trigpoint_crd::conditions::node as condition;
use trigpoint_crd::node::{Failure, StationPod};
use trigpoint_crd::{MeasurementNode, MeasurementNodeStatus};
use trigpoint_rollout::{
    FleetReport, Ledger, NodeReport, Observed, Presence, Qualified, Reason, Step, Time,
};

use super::conditions::{Said, conditions};
use crate::observed;
use crate::view::View;

/// The bound of the definition on a failure's count.
const MOST_FAILURES: u32 = 1_000_000;

pub(crate) fn derive(
    view: &View,
    observed: &Observed,
    fleet: &FleetReport,
    report: &NodeReport,
    record: &MeasurementNode,
    now: Time,
) -> MeasurementNodeStatus {
    let name = &record.spec.node_name;
    let before = record.status.clone().unwrap_or_default();
    let seen = observed.nodes.get(name);
    let node = view.node(name);
    let facts = node.and_then(|node| observed::of_probes(view, node, &record.spec.node_uid));
    let is_vanished = seen.is_some_and(|node| matches!(node.presence, Presence::Vanished { .. }));
    let pod = station(view, name);
    MeasurementNodeStatus {
        observed_generation: record.metadata.generation,
        observed_revision: pod.as_ref().map(|(_, revision)| revision.clone()),
        facts: facts.or(before.facts),
        last_drain: newest(observed::drain_of(view, name), before.last_drain),
        failure: failure(&observed.ledger, fleet, name),
        conditions: conditions(
            said(fleet, report, &observed.ledger, name, is_vanished, pod.is_some()),
            &before.conditions,
            record.metadata.generation,
            now,
            Some(Reason::NodeVanished.as_str()),
        ),
        pod: pod.map(|(pod, _)| pod),
    }
}

/// The station's pod on that node, and its revision: one that serves before one
/// that ends.
fn station(view: &View, node: &str) -> Option<(StationPod, String)> {
    let pod = view.stations_on(node).max_by_key(|pod| {
        (pod.metadata.deletion_timestamp.is_none(), observed::pod::created_at(pod))
    })?;
    let station = StationPod {
        name: pod.name_any(),
        uid: pod.uid().unwrap_or_default(),
        ready: observed::pod::is_ready(pod),
    };
    Some((station, observed::pod::revision(pod).to_string()))
}

fn newest(
    seen: Option<trigpoint_crd::node::LastDrain>,
    before: Option<trigpoint_crd::node::LastDrain>,
) -> Option<trigpoint_crd::node::LastDrain> {
    match (seen, before) {
        (Some(seen), Some(before)) if before.at >= seen.at => Some(before),
        (seen, before) => seen.or(before),
    }
}

fn failure(ledger: &Ledger, fleet: &FleetReport, node: &str) -> Option<Failure> {
    let failure = ledger
        .failures
        .iter()
        .find(|failure| failure.node == node && failure.revision == fleet.target)?;
    Some(Failure {
        revision: failure.revision.to_string(),
        reason: failure.reason.to_string(),
        count: failure.count.clamp(1, MOST_FAILURES) as i32,
        retry_at: None,
    })
}

fn said(
    fleet: &FleetReport,
    report: &NodeReport,
    ledger: &Ledger,
    name: &str,
    is_vanished: bool,
    has_pod: bool,
) -> Vec<Said> {
    let is_draining = has_pod && report.step == Some(Step::ConfirmGone)
        || report.wait.as_ref().is_some_and(|wait| wait.reason == Reason::Draining);
    let failure = ledger.failures.iter().find(|f| f.node == name && f.revision == fleet.target);
    vec![
        qualified(&report.qualified),
        running(report, is_vanished),
        Said::new(
            condition::DRAINING,
            is_draining,
            if is_draining { Reason::Draining.as_str() } else { "NotDraining" },
            "",
        ),
        match failure {
            Some(failure) => Said::new(
                condition::FAILED,
                true,
                failure.reason.as_str(),
                format!("with `{}`: {}", failure.revision, failure.message),
            ),
            None => Said::new(condition::FAILED, false, "NotFailed", ""),
        },
    ]
}

fn qualified(verdict: &Qualified) -> Said {
    let type_ = condition::QUALIFIED;
    let told = |findings: &[trigpoint_rollout::Finding]| {
        let reason = findings.first().map_or(Reason::FactUnknown, |finding| finding.reason);
        let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
        (reason.as_str(), messages.join("; "))
    };
    match verdict {
        Qualified::Yes => Said::new(type_, true, condition::reason::ALL_RULES_FULFILLED, ""),
        Qualified::Awaiting => {
            Said::unknown(type_, Reason::Probing.as_str(), "its facts are being found out")
        }
        Qualified::Warned(findings) => {
            let (reason, message) = told(findings);
            Said::new(type_, true, reason, format!("used all the same: {message}"))
        }
        Qualified::Unknown(findings) => {
            let (reason, message) = told(findings);
            Said::unknown(type_, reason, message)
        }
        Qualified::No(findings) => {
            let (reason, message) = told(findings);
            Said::new(type_, false, reason, message)
        }
    }
}

fn running(report: &NodeReport, is_vanished: bool) -> Said {
    let type_ = condition::RUNNING;
    if is_vanished {
        let message = "there is no such node any more";
        return Said::new(type_, false, Reason::NodeVanished.as_str(), message);
    }
    if report.is_ready {
        return Said::new(type_, true, condition::reason::STATION_READY, "");
    }
    match (&report.wait, &report.revision) {
        (Some(wait), _) => Said::new(type_, false, wait.reason.as_str(), wait.message.clone()),
        (None, Some(_)) => Said::new(type_, false, condition::reason::STATION_NOT_READY, ""),
        (None, None) => Said::new(type_, false, condition::reason::NOT_ASSIGNED, ""),
    }
}
