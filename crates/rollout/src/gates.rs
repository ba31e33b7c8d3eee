//! Gates: figures that must be good before the next wave.
//!
//! They are measured again and again from the moment that a wave is complete, so
//! that a bad one is found while it bakes; what lets the rollout go on is a pass
//! that was measured when the bake was over.

use crate::ledger::counts;
use crate::situation::{Draft, Situation};
use crate::{Action, Gate, Ledger, Reason, Revision, Time, Wait, Wave};

/// What a measurement said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not worse than the margin allows.
    Pass,
    /// Worse.
    Fail,
    /// Too few samples to say; never a pass.
    Inconclusive,
    /// It could not be measured.
    Error,
}

/// One measurement of a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// What it said.
    pub verdict: Verdict,
    /// The figure of the new revision, in the metric's unit.
    pub value: Option<f64>,
    /// The figure that it is compared with.
    pub baseline: Option<f64>,
    /// Tests that were looked at.
    pub samples: u64,
    /// The same in a sentence, for people: with units, and how sure it is.
    pub said: String,
    /// When.
    pub at: Time,
}

/// A gate of a wave: what was measured so far.
#[derive(Debug, Clone, PartialEq)]
pub struct GateRecord {
    /// The gate's name.
    pub gate: String,
    /// The wave's.
    pub wave: String,
    /// The revision that is judged.
    pub revision: Revision,
    /// Measurements that failed.
    pub failed: u32,
    /// Measurements in a row that said what the last one said.
    pub in_a_row: u32,
    /// The first of them.
    pub since: Time,
    /// The last one.
    pub last: Measurement,
}

impl Ledger {
    /// Takes down what a gate of a wave was measured as.  Counting begins anew
    /// when a person said `resume` since the last measurement.
    pub fn record_measurement(
        &mut self,
        gate: &str,
        wave: &str,
        revision: &Revision,
        measurement: Measurement,
        resumed_at: Option<Time>,
    ) {
        let is_same = |record: &GateRecord| {
            record.gate == gate && record.wave == wave && record.revision == *revision
        };
        let before = self
            .gates
            .iter()
            .position(is_same)
            .map(|index| self.gates.remove(index))
            .filter(|before| counts(before.last.at, resumed_at));
        let failed = before.as_ref().map_or(0, |before| before.failed);
        let (in_a_row, since) = match &before {
            Some(before) if before.last.verdict == measurement.verdict => {
                (before.in_a_row + 1, before.since)
            }
            _ => (1, measurement.at),
        };
        self.gates.push(GateRecord {
            gate: gate.to_owned(),
            wave: wave.to_owned(),
            revision: revision.clone(),
            failed: failed + u32::from(measurement.verdict == Verdict::Fail),
            in_a_row,
            since,
            last: measurement,
        });
    }

    fn gate<'a>(
        &'a self,
        gate: &str,
        wave: &str,
        situation: &Situation<'_>,
    ) -> Option<&'a GateRecord> {
        self.gates.iter().find(|record| {
            record.gate == gate
                && record.wave == wave
                && record.revision == situation.course.target
                && counts(record.last.at, situation.desired.rollout.resumed_at)
        })
    }
}

/// How a gate stands.
enum Standing {
    /// It is good.
    Passed,
    /// It is not good, or not yet.
    Waits(Wait),
}

/// The gate of an open wave that failed for good, if one did.
pub(crate) fn failed(situation: &Situation<'_>, ledger: &Ledger, wave: &Wave) -> Option<Wait> {
    if situation.desired.rollout.skip_gates.is_some() {
        return None;
    }
    gates_of(situation, wave).find_map(|gate| {
        let record = ledger.gate(&gate.name, &wave.name, situation)?;
        (record.failed > gate.failure_limit).then(|| failure(gate, record))
    })
}

/// Has the gates of a complete wave measured when that is due; `None` if all have
/// passed, else what they wait for.
pub(crate) fn pass(
    situation: &Situation<'_>,
    draft: &mut Draft,
    wave: &Wave,
    baked_at: Time,
) -> Option<Wait> {
    if situation.desired.rollout.skip_gates.is_some() {
        return None;
    }
    let mut first = None;
    for gate in gates_of(situation, wave) {
        let record = draft.ledger.gate(&gate.name, &wave.name, situation).cloned();
        let standing = standing(situation, gate, wave, record.as_ref(), baked_at);
        if let Standing::Waits(wait) = standing {
            measure_if_due(situation, draft, gate, wave, record.as_ref());
            // What stands is told before what passes.
            if first
                .as_ref()
                .is_none_or(|first: &Wait| wait.reason.is_standing() && !first.reason.is_standing())
            {
                first = Some(wait);
            }
        }
    }
    first
}

fn gates_of<'a>(
    situation: &Situation<'a>,
    wave: &'a Wave,
) -> impl Iterator<Item = &'a Gate> + use<'a> {
    let gates = &situation.desired.gates;
    wave.gates.iter().filter_map(|name| gates.iter().find(|gate| gate.name == *name))
}

fn measure_if_due(
    situation: &Situation<'_>,
    draft: &mut Draft,
    gate: &Gate,
    wave: &Wave,
    record: Option<&GateRecord>,
) {
    if record.is_some_and(|record| record.failed > gate.failure_limit) {
        return;
    }
    let due = record.map_or(situation.now, |record| record.last.at + gate.interval);
    if due > situation.now {
        draft.wake(due);
        return;
    }
    draft.actions.push(Action::Measure {
        gate: gate.name.clone(),
        wave: wave.name.clone(),
        revision: situation.course.target.clone(),
    });
}

fn standing(
    situation: &Situation<'_>,
    gate: &Gate,
    wave: &Wave,
    record: Option<&GateRecord>,
    baked_at: Time,
) -> Standing {
    let name = &gate.name;
    let Some(record) = record else {
        let message = format!("gate `{name}` of wave `{}` is being measured", wave.name);
        return Standing::Waits(Wait::new(Reason::GatePending, message));
    };
    if record.failed > gate.failure_limit {
        return Standing::Waits(failure(gate, record));
    }
    let (limit, reason) = match record.last.verdict {
        Verdict::Pass if record.last.at >= baked_at => return Standing::Passed,
        Verdict::Pass | Verdict::Fail => (u32::MAX, Reason::GatePending),
        Verdict::Inconclusive => (gate.inconclusive_limit, Reason::GateInconclusive),
        Verdict::Error => (gate.error_limit, Reason::GateError),
    };
    if record.in_a_row <= limit {
        let message = format!("gate `{name}` of wave `{}` is being measured", wave.name);
        let next = record.last.at + gate.interval;
        return Standing::Waits(Wait::new(Reason::GatePending, message).until(next));
    }
    // A person who knows of it answers for it.
    let approved_at = situation.approved_at(wave);
    if approved_at.is_some_and(|at| at >= record.since) {
        return Standing::Passed;
    }
    let message = format!(
        "gate `{name}` of wave `{}`, {} times in a row: {}; approve the wave to go on without it",
        wave.name, record.in_a_row, record.last.said
    );
    Standing::Waits(Wait::new(reason, message))
}

fn failure(gate: &Gate, record: &GateRecord) -> Wait {
    let message = format!(
        "gate `{}` of wave `{}` failed {} times: {}; roll back, or say `resume` to measure it anew",
        gate.name, record.wave, record.failed, record.last.said
    );
    Wait::new(Reason::GateFailed, message)
}
