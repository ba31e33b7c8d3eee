//! What is said about a fleet.

use std::collections::BTreeMap;

use trigpoint_crd::conditions::fleet as condition;
use trigpoint_crd::fleet::{
    GateResult, GateVerdict, HandoffStep, InFlight, NodeCounts, RolloutProgress,
};
use trigpoint_crd::{MeasurementFleet, MeasurementFleetStatus};
use trigpoint_rollout::{
    FleetReport, GateRecord, Observed, Plan, Reason, Step, Time, Verdict, Wait,
};

use super::conditions::{Said, conditions};
use super::troubles::Trouble;
use crate::time;

/// Room in `status.inFlight`.
const MOST_IN_FLIGHT: usize = 64;
/// The bound of the definition on attempts.
const MOST_ATTEMPTS: u32 = 1000;

pub(crate) fn derive(
    fleet: &MeasurementFleet,
    observed: &Observed,
    plan: &Plan,
    troubles: &[Trouble],
    now: Time,
) -> MeasurementFleetStatus {
    let report = &plan.fleet;
    MeasurementFleetStatus {
        observed_generation: fleet.metadata.generation,
        stable_revision: report.stable.as_ref().map(ToString::to_string),
        target_revision: Some(report.target.to_string()),
        rollout: rollout(observed, report),
        nodes: Some(counts(report)),
        in_flight: report.in_flight.iter().take(MOST_IN_FLIGHT).map(in_flight).collect(),
        gates: gates(report),
        conditions: conditions(
            said(fleet, report, troubles),
            before(fleet),
            fleet.metadata.generation,
            now,
            None,
        ),
    }
}

/// Of a fleet that cannot be planned for: all else stays as it was said last.
pub(crate) fn invalid(
    fleet: &MeasurementFleet,
    message: String,
    now: Time,
) -> MeasurementFleetStatus {
    let before = fleet.status.clone().unwrap_or_default();
    let said = vec![Said::new(condition::DEGRADED, true, "Invalid", message)];
    let mut changed = conditions(said, &before.conditions, fleet.metadata.generation, now, None);
    changed.extend(
        before.conditions.iter().filter(|other| other.type_ != condition::DEGRADED).cloned(),
    );
    MeasurementFleetStatus {
        observed_generation: fleet.metadata.generation,
        conditions: changed,
        ..before
    }
}

/// Whether more than figures and sentences differ: whoever waits for something is told
/// at once that it is so.
pub(super) fn is_news(before: &MeasurementFleetStatus, after: &MeasurementFleetStatus) -> bool {
    let words = |status: &MeasurementFleetStatus| MeasurementFleetStatus {
        nodes: None,
        in_flight: Vec::new(),
        conditions: Vec::new(),
        ..status.clone()
    };
    let verdicts = |status: &MeasurementFleetStatus| -> Vec<(String, String)> {
        // Stations come and go in a rollout, as its figures do.
        let told = status.conditions.iter().filter(|told| told.type_ != condition::READY);
        told.map(|told| (told.type_.clone(), told.status.clone())).collect()
    };
    words(before) != words(after) || verdicts(before) != verdicts(after)
}

fn before(
    fleet: &MeasurementFleet,
) -> &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition] {
    fleet.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default()
}

fn said(fleet: &MeasurementFleet, report: &FleetReport, troubles: &[Trouble]) -> Vec<Said> {
    let progressing = &report.progressing;
    let is_complete = report.qualified > 0 && report.ready >= report.qualified;
    let ready = format!("{} of {} qualified nodes are ready", report.ready, report.qualified);
    let is_moving = progressing.reason != Reason::UpToDate;
    let mut said = vec![
        Said::new(
            condition::READY,
            is_complete,
            if is_complete { "StationsReady" } else { "StationsNotReady" },
            ready,
        ),
        Said::new(
            condition::PROGRESSING,
            is_moving && !progressing.reason.is_standing(),
            progressing.reason.as_str(),
            sentence(progressing),
        ),
        match &report.paused {
            Some(wait) => Said::new(condition::PAUSED, true, wait.reason.as_str(), sentence(wait)),
            None => Said::new(condition::PAUSED, false, "NotPaused", ""),
        },
        Said::new(
            condition::QUALIFIED,
            report.qualified > 0,
            if report.qualified > 0 { "NodesQualified" } else { Reason::NoQualifiedNodes.as_str() },
            format!(
                "{} of {} selected nodes qualify, {} do not",
                report.qualified, report.selected, report.excluded
            ),
        ),
        gates_passed(fleet, report),
    ];
    said.push(degraded(report, troubles));
    said
}

fn gates_passed(fleet: &MeasurementFleet, report: &FleetReport) -> Said {
    let type_ = condition::GATES_PASSED;
    if let Some(skip) = &fleet.spec.rollout.skip_gates {
        return Said::unknown(type_, condition::reason::GATES_SKIPPED, skip.reason.clone());
    }
    let is_gate = |reason: Reason| {
        matches!(
            reason,
            Reason::GateFailed
                | Reason::GateInconclusive
                | Reason::GateError
                | Reason::GatePending
                | Reason::CanaryBaking
        )
    };
    let wait = report.paused.iter().chain([&report.progressing]).find(|wait| is_gate(wait.reason));
    match wait {
        Some(wait) if wait.reason == Reason::GateFailed => {
            Said::new(type_, false, wait.reason.as_str(), wait.message.clone())
        }
        Some(wait) => Said::unknown(type_, wait.reason.as_str(), sentence(wait)),
        None if fleet.spec.gates.is_empty() => Said::unknown(type_, "NoGates", ""),
        None => Said::new(type_, true, "GatesPassed", ""),
    }
}

/// What the operator cannot mend: what stops the fleet before what is beside that.
fn degraded(report: &FleetReport, troubles: &[Trouble]) -> Said {
    let is_wrong = |reason: Reason| {
        matches!(
            reason,
            Reason::RevisionUnknown
                | Reason::NamespaceNotPrivileged
                | Reason::NodesLost
                | Reason::IngestUnhealthy
                | Reason::RowsLost
                | Reason::FailureBudgetExhausted
                | Reason::GateFailed
                | Reason::GateError
        )
    };
    match &report.paused {
        Some(wait) if is_wrong(wait.reason) => {
            Said::new(condition::DEGRADED, true, wait.reason.as_str(), wait.message.clone())
        }
        _ => match troubles.first() {
            Some(first) => {
                Said::new(condition::DEGRADED, true, first.reason, first.message.clone())
            }
            None => Said::new(condition::DEGRADED, false, "AsExpected", ""),
        },
    }
}

/// With the time that it ends, which does not change from round to round.
fn sentence(wait: &Wait) -> String {
    match wait.until {
        Some(until) => {
            format!("{} (until {})", wait.message, until.format("%Y-%m-%d %H:%M:%S UTC"))
        }
        None => wait.message.clone(),
    }
}

fn rollout(observed: &Observed, report: &FleetReport) -> Option<RolloutProgress> {
    let progress = observed.ledger.rollout.as_ref()?;
    let bake = Some(&report.progressing).filter(|wait| wait.reason == Reason::CanaryBaking);
    Some(RolloutProgress {
        wave: report.wave.clone(),
        started_at: Some(time::to_api(progress.started_at)),
        wave_started_at: None,
        bake_until: bake.and_then(|wait| wait.until).map(time::to_api),
    })
}

fn counts(report: &FleetReport) -> NodeCounts {
    NodeCounts {
        selected: report.selected as i32,
        qualified: report.qualified as i32,
        excluded: report.excluded as i32,
        updated: report.updated as i32,
        ready: report.ready as i32,
        unavailable: report.unavailable as i32,
        failed: report.failed as i32,
        lost: report.lost as i32,
    }
}

fn in_flight(node: &trigpoint_rollout::InFlight) -> InFlight {
    InFlight {
        node: node.node.clone(),
        step: match node.step {
            Step::Release => HandoffStep::Release,
            Step::ConfirmGone => HandoffStep::ConfirmGone,
            Step::Assign => HandoffStep::Assign,
            Step::Verify => HandoffStep::Verify,
        },
        since: time::to_api(node.since),
        attempt: node.attempt.clamp(1, MOST_ATTEMPTS) as i32,
    }
}

/// The list has one answer of each gate: the last one.
fn gates(report: &FleetReport) -> Vec<GateResult> {
    let mut newest: BTreeMap<&str, &GateRecord> = BTreeMap::new();
    for record in report.gates.iter().filter(|record| record.revision == report.target) {
        let kept = newest.entry(&record.gate).or_insert(record);
        if kept.last.at <= record.last.at {
            *kept = record;
        }
    }
    newest.into_values().map(gate).collect()
}

fn gate(record: &GateRecord) -> GateResult {
    let last = &record.last;
    GateResult {
        name: record.gate.clone(),
        wave: record.wave.clone(),
        verdict: match last.verdict {
            Verdict::Pass => GateVerdict::Pass,
            Verdict::Fail => GateVerdict::Fail,
            Verdict::Inconclusive => GateVerdict::Inconclusive,
            Verdict::Error => GateVerdict::Error,
        },
        value: last.value,
        baseline: last.baseline,
        samples: i64::try_from(last.samples).ok(),
        at: time::to_api(last.at),
    }
}
