//! What is stored of a ledger, field by field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use trigpoint_rollout as planner;
use trigpoint_rollout::{Reason, Revision, Time, Verdict};

use crate::time::{from_text, to_text};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ledger {
    rollout: Option<Progress>,
    claims: BTreeMap<String, Claim>,
    failures: Vec<Failure>,
    rows_lost: Vec<RowsLost>,
    gates: Vec<Gate>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    revision: String,
    started_at: String,
    passed: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Claim {
    uid: String,
    from: Option<String>,
    to: Option<String>,
    since: String,
    attempt: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    node: String,
    revision: String,
    reason: String,
    message: String,
    at: String,
    count: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowsLost {
    node: String,
    rows: u64,
    at: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "as the planner names them")]
struct Gate {
    gate: String,
    wave: String,
    revision: String,
    failed: u32,
    in_a_row: u32,
    since: String,
    verdict: String,
    value: Option<f64>,
    baseline: Option<f64>,
    samples: u64,
    /// Of before there was one: empty.
    #[serde(default)]
    said: String,
    at: String,
}

impl Ledger {
    pub(super) fn of(ledger: &planner::Ledger) -> Self {
        Self {
            rollout: ledger.rollout.as_ref().map(|rollout| Progress {
                revision: rollout.revision.to_string(),
                started_at: to_text(rollout.started_at),
                passed: rollout.passed.clone(),
            }),
            claims: ledger
                .claims
                .iter()
                .map(|(node, claim)| (node.clone(), Claim::of(claim)))
                .collect(),
            failures: ledger.failures.iter().map(Failure::of).collect(),
            rows_lost: ledger
                .rows_lost
                .iter()
                .map(|lost| RowsLost {
                    node: lost.node.clone(),
                    rows: lost.rows,
                    at: to_text(lost.at),
                })
                .collect(),
            gates: ledger.gates.iter().map(Gate::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<planner::Ledger, String> {
        let rollout = self.rollout.map(|rollout| {
            Ok::<_, String>(planner::Progress {
                revision: Revision::new(rollout.revision),
                started_at: moment(&rollout.started_at)?,
                passed: rollout.passed,
            })
        });
        Ok(planner::Ledger {
            rollout: rollout.transpose()?,
            claims: self
                .claims
                .into_iter()
                .map(|(node, claim)| Ok((node, claim.read()?)))
                .collect::<Result<_, String>>()?,
            failures: self.failures.into_iter().map(Failure::read).collect::<Result<_, _>>()?,
            rows_lost: self
                .rows_lost
                .into_iter()
                .map(|lost| {
                    Ok(planner::RowsLost {
                        node: lost.node,
                        rows: lost.rows,
                        at: moment(&lost.at)?,
                    })
                })
                .collect::<Result<_, String>>()?,
            gates: self.gates.into_iter().map(Gate::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Claim {
    fn of(claim: &planner::Claim) -> Self {
        Self {
            uid: claim.uid.clone(),
            from: claim.from.as_ref().map(ToString::to_string),
            to: claim.to.as_ref().map(ToString::to_string),
            since: to_text(claim.since),
            attempt: claim.attempt,
        }
    }

    fn read(self) -> Result<planner::Claim, String> {
        Ok(planner::Claim {
            uid: self.uid,
            from: self.from.map(Revision::new),
            to: self.to.map(Revision::new),
            since: moment(&self.since)?,
            attempt: self.attempt,
        })
    }
}

impl Failure {
    fn of(failure: &planner::Failure) -> Self {
        Self {
            node: failure.node.clone(),
            revision: failure.revision.to_string(),
            reason: failure.reason.to_string(),
            message: failure.message.clone(),
            at: to_text(failure.at),
            count: failure.count,
        }
    }

    fn read(self) -> Result<planner::Failure, String> {
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == self.reason);
        Ok(planner::Failure {
            node: self.node,
            revision: Revision::new(self.revision),
            reason: *reason.ok_or_else(|| format!("`{}` is no reason", self.reason))?,
            message: self.message,
            at: moment(&self.at)?,
            count: self.count,
        })
    }
}

impl Gate {
    fn of(record: &planner::GateRecord) -> Self {
        let last = &record.last;
        Self {
            gate: record.gate.clone(),
            wave: record.wave.clone(),
            revision: record.revision.to_string(),
            failed: record.failed,
            in_a_row: record.in_a_row,
            since: to_text(record.since),
            verdict: match last.verdict {
                Verdict::Pass => "Pass",
                Verdict::Fail => "Fail",
                Verdict::Inconclusive => "Inconclusive",
                Verdict::Error => "Error",
            }
            .to_owned(),
            value: last.value,
            baseline: last.baseline,
            samples: last.samples,
            said: last.said.clone(),
            at: to_text(last.at),
        }
    }

    fn read(self) -> Result<planner::GateRecord, String> {
        Ok(planner::GateRecord {
            gate: self.gate,
            wave: self.wave,
            revision: Revision::new(self.revision),
            failed: self.failed,
            in_a_row: self.in_a_row,
            since: moment(&self.since)?,
            last: planner::Measurement {
                verdict: match self.verdict.as_str() {
                    "Pass" => Verdict::Pass,
                    "Fail" => Verdict::Fail,
                    "Inconclusive" => Verdict::Inconclusive,
                    "Error" => Verdict::Error,
                    other => return Err(format!("`{other}` is no verdict")),
                },
                value: self.value,
                baseline: self.baseline,
                samples: self.samples,
                said: self.said,
                at: moment(&self.at)?,
            },
        })
    }
}

fn moment(text: &str) -> Result<Time, String> {
    from_text(text).ok_or_else(|| format!("`{text}` is no time"))
}
