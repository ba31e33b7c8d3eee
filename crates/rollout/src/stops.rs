//! What stops a fleet, or its way to the target.

use std::time::Duration;

use crate::budgets::Budgets;
use crate::course::Kind;
use crate::situation::Situation;
use crate::{Ledger, Node, OnFailure, Reason, Wait, gates, windows};

/// Rows that wait longer than this would not be acknowledged within the drain.
const SPOOL_AGE: Duration = Duration::from_secs(10);

/// Why no node at all is claimed, if so.
pub(crate) fn halt(situation: &Situation<'_>, ledger: &Ledger, budgets: &Budgets) -> Option<Wait> {
    let rollout = &situation.desired.rollout;
    if rollout.paused {
        return Some(Wait::new(Reason::Paused, "`spec.rollout.paused` is set"));
    }
    let target = &situation.course.target;
    let Some(record) = situation.observed.revisions.get(target) else {
        let message = format!("there is no revision `{target}`");
        return Some(Wait::new(Reason::RevisionUnknown, message));
    };
    if let Some(refusal) = &record.refusal {
        let message = format!("the namespace refuses pods of `{target}`: {refusal}");
        return Some(Wait::new(Reason::NamespaceNotPrivileged, message));
    }
    if let Some(wait) = budgets.nodes_lost() {
        return Some(wait);
    }
    if !situation.observed.is_collector_up {
        let message = "no collector takes rows, and a pod that ends now might lose some";
        return Some(Wait::new(Reason::IngestUnhealthy, message));
    }
    let rows = ledger.rows_lost_since(rollout.resumed_at);
    (rows > 0).then(|| {
        let message = format!("{rows} rows were lost in a handoff; say `resume` to go on");
        Wait::new(Reason::RowsLost, message)
    })
}

/// Why no node is taken to the target, if so, until a person changes something.
pub(crate) fn stop(situation: &Situation<'_>, ledger: &Ledger) -> Option<Wait> {
    let course = &situation.course;
    // A revision that is in use everywhere is not to blame for a node.
    if course.stable.as_ref() == Some(&course.target) {
        return None;
    }
    let rollout = &situation.desired.rollout;
    let failures: Vec<_> = ledger.failures_with(&course.target, rollout.resumed_at).collect();
    if failures.len() > rollout.failure_budget as usize {
        let told: Vec<String> = failures
            .iter()
            .map(|failure| format!("`{}`: {} ({})", failure.node, failure.reason, failure.message))
            .collect();
        let message = format!(
            "{} nodes failed with `{}` and {} may: {}",
            failures.len(),
            course.target,
            rollout.failure_budget,
            told.join("; ")
        );
        return Some(Wait::new(Reason::FailureBudgetExhausted, message));
    }
    let wave = situation.open_wave(ledger)?;
    gates::failed(situation, ledger, wave)
}

/// The target is given up: whoever has it goes back.
pub(crate) fn is_rejected(situation: &Situation<'_>, ledger: &Ledger) -> bool {
    situation.course.kind == Kind::Waves
        && situation.desired.rollout.on_failure == OnFailure::Rollback
        && stop(situation, ledger).is_some()
}

/// Why no node is taken to the target now.
pub(crate) fn hold(situation: &Situation<'_>, ledger: &Ledger) -> Option<Wait> {
    if let Some(wait) = stop(situation, ledger) {
        return Some(wait);
    }
    // Nobody is harmed by a first station, and who goes back is in a hurry.
    if situation.course.kind != Kind::Waves {
        return None;
    }
    let next = windows::open(&situation.desired.rollout.windows, situation.now).err()?;
    let wait = Wait::new(Reason::WindowClosed, "outside of `spec.rollout.windows`");
    Some(match next {
        Some(next) => wait.until(next),
        None => wait,
    })
}

/// Why that station may not be taken down for the sake of its rows.
pub(crate) fn ingest(node: &Node) -> Option<Wait> {
    let message = match node.ready_pod()?.spool_age {
        Some(age) if age <= SPOOL_AGE => return None,
        Some(age) => format!("its oldest row has waited {} s for a collector", age.as_secs()),
        None => "the age of its spool cannot be read".to_owned(),
    };
    Some(Wait::new(Reason::IngestUnhealthy, message))
}

/// Why a node cannot be given work, if so.
pub(crate) fn unusable(node: &Node) -> Option<Wait> {
    if node.is_usable() {
        None
    } else if node.is_cordoned {
        Some(Wait::new(Reason::NodeCordoned, "the node is cordoned"))
    } else {
        Some(Wait::new(Reason::NodeNotReady, "the node is not ready"))
    }
}
