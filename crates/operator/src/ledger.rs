//! The ledger of a fleet as a ConfigMap.
//!
//! One key with JSON, written as a whole and only over the version that was
//! read.  What is stored has types of its own here: an operator of tomorrow must
//! read what one of today wrote, whatever becomes of the planner's.

mod stored;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource as _, ResourceExt as _};
use trigpoint_crd::MeasurementFleet;
use trigpoint_rollout::Ledger;

use crate::error::Stop;
use crate::names;

const KEY: &str = "ledger.json";

/// The ledger and its version; an empty one and no version where there is no
/// object.  What cannot be read is an error and never an empty ledger: claims
/// would be forgotten.
pub(crate) fn read(object: Option<&ConfigMap>) -> Result<(Ledger, String), Stop> {
    let Some(object) = object else { return Ok((Ledger::default(), String::new())) };
    let damaged = |why: String| {
        Stop::Invalid(format!(
            "the ledger `{}` cannot be read: {why}; restore it from a backup, or delete it if no \
             node is between two revisions",
            object.name_any()
        ))
    };
    let text = object
        .data
        .as_ref()
        .and_then(|data| data.get(KEY))
        .ok_or_else(|| damaged(format!("it has no key `{KEY}`")))?;
    let stored: stored::Ledger =
        serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
    let ledger = stored.read().map_err(damaged)?;
    Ok((ledger, object.resource_version().unwrap_or_default()))
}

/// The object that holds a ledger; with a version, it replaces that very one.
pub(crate) fn object(
    fleet: &MeasurementFleet,
    ledger: &Ledger,
    version: &str,
) -> Result<ConfigMap, Stop> {
    let text = serde_json::to_string_pretty(&stored::Ledger::of(ledger))
        .map_err(|error| Stop::Invalid(format!("the ledger cannot be written: {error}")))?;
    let name = fleet.name_any();
    let mut object =
        ConfigMap { data: Some(BTreeMap::from([(KEY.to_owned(), text)])), ..ConfigMap::default() };
    object.metadata.name = Some(names::ledger(&name));
    object.metadata.namespace = fleet.namespace();
    object.metadata.labels = Some(BTreeMap::from([
        (names::FLEET.to_owned(), name),
        (names::COMPONENT.to_owned(), names::LEDGER.to_owned()),
        (names::MANAGED_BY.to_owned(), names::OPERATOR.to_owned()),
    ]));
    object.metadata.owner_references = fleet.controller_owner_ref(&()).map(|owner| vec![owner]);
    object.metadata.resource_version = (!version.is_empty()).then(|| version.to_owned());
    Ok(object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use trigpoint_rollout::{
        Claim, Failure, GateRecord, Measurement, Progress, Reason, Revision, RowsLost, Verdict,
    };

    use super::*;
    use crate::desired::tests::fleet;
    use crate::time::from_text;

    fn whole() -> Ledger {
        let at = from_text("2026-11-27T08:00:00.123456Z").unwrap();
        let revision = Revision::new("stations-0123456789");
        let claim = Claim {
            uid: "node-uid".to_owned(),
            from: Some(Revision::new("stations-aaaaaaaaaa")),
            to: None,
            since: at,
            attempt: 2,
        };
        Ledger {
            rollout: Some(Progress {
                revision: revision.clone(),
                started_at: at,
                passed: vec!["canary".to_owned()],
            }),
            claims: BTreeMap::from([("node-1".to_owned(), claim)]),
            failures: vec![Failure {
                node: "node-2".to_owned(),
                revision: revision.clone(),
                reason: Reason::StartFailed,
                message: "CrashLoopBackOff".to_owned(),
                at,
                count: 3,
            }],
            rows_lost: vec![RowsLost { node: "node-3".to_owned(), rows: 7, at }],
            gates: vec![GateRecord {
                gate: "throughput".to_owned(),
                wave: "canary".to_owned(),
                revision,
                failed: 1,
                in_a_row: 2,
                since: at,
                last: Measurement {
                    verdict: Verdict::Inconclusive,
                    value: Some(1.5),
                    baseline: None,
                    samples: 12,
                    said: "12 tests are too few".to_owned(),
                    at,
                },
            }],
        }
    }

    #[test]
    fn every_decision_survives_the_api_server() {
        let mut object = object(&fleet(&json!({})), &whole(), "").unwrap();
        object.metadata.resource_version = Some("42".to_owned());
        assert_eq!(read(Some(&object)).unwrap(), (whole(), "42".to_owned()));
        assert_eq!(read(None).unwrap(), (Ledger::default(), String::new()));
    }

    #[test]
    fn a_damaged_ledger_is_not_an_empty_one() {
        let mut object = object(&fleet(&json!({})), &whole(), "42").unwrap();
        let whole = object.data.as_ref().unwrap()[KEY].clone();
        for text in [&whole[..whole.len() / 2], "{}", &whole.replace("StartFailed", "NoSuchWord")] {
            object.data = Some(BTreeMap::from([(KEY.to_owned(), text.to_owned())]));
            let error = read(Some(&object)).unwrap_err().to_string();
            assert!(error.contains("`stations-ledger` cannot be read"), "{error}");
        }
        object.data = None;
        assert!(read(Some(&object)).is_err());
    }
}
