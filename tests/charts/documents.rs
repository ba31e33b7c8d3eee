//! `docs/operations.md` has an entry for each alert, condition and reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use trigpoint_crd::conditions::{fleet, node};
use trigpoint_rollout::Reason;

use crate::render::{ROOT, cases, objects};

const CONDITIONS: &[&str] = &[
    fleet::READY,
    fleet::PROGRESSING,
    fleet::PAUSED,
    fleet::QUALIFIED,
    fleet::GATES_PASSED,
    fleet::DEGRADED,
    node::QUALIFIED,
    node::RUNNING,
    node::DRAINING,
    node::FAILED,
];

/// Reasons that the planner does not have.
const OTHER_REASONS: &[&str] = &[
    fleet::reason::UNREADABLE,
    fleet::reason::GATES_SKIPPED,
    node::reason::ALL_RULES_FULFILLED,
    node::reason::STATION_READY,
    node::reason::STATION_NOT_READY,
    node::reason::NOT_ASSIGNED,
];

fn document() -> String {
    fs::read_to_string(Path::new(ROOT).join("docs/operations.md")).unwrap()
}

/// Name and expression of every alert of any case.
fn alerts() -> BTreeSet<(String, String)> {
    let mut alerts = BTreeSet::new();
    for case in cases() {
        for rule in objects(&case).iter().filter(|object| object["kind"] == "PrometheusRule") {
            for group in rule["spec"]["groups"].as_array().unwrap() {
                for alert in group["rules"].as_array().unwrap() {
                    let name = alert["alert"].as_str().unwrap();
                    let anchor = format!("operations.md#{}", name.to_lowercase());
                    let link = alert["annotations"]["runbook_url"].as_str().unwrap();
                    assert!(link.ends_with(&anchor), "{link}");
                    let expression = alert["expr"].as_str().unwrap();
                    alerts.insert((name.to_owned(), expression.to_owned()));
                }
            }
        }
    }
    assert!(!alerts.is_empty());
    alerts
}

#[test]
fn every_alert_has_an_entry_of_its_name_and_every_entry_an_alert() {
    let alerts: BTreeSet<String> = alerts().into_iter().map(|(name, _)| name).collect();
    let document = document();
    let entries: BTreeSet<String> = document
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|heading| heading.starts_with("Trigpoint"))
        .map(str::to_owned)
        .collect();
    assert_eq!(alerts, entries);
}

#[test]
fn every_condition_and_every_reason_is_explained() {
    let document = document();
    let rows: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(word, _)| word)
        .collect();
    let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
    let words = reasons.chain(CONDITIONS.iter().copied()).chain(OTHER_REASONS.iter().copied());
    let missing: Vec<&str> = words.filter(|word| !rows.contains(word)).collect();
    assert_eq!(
        missing,
        [] as [&str; 0],
        "no row of a table in docs/operations.md begins with them"
    );
}

/// An alert on a metric that nobody has would never come.
#[test]
fn alerts_ask_for_metrics_that_there_are() {
    let mut sources = String::new();
    collect(&Path::new(ROOT).join("crates"), &mut sources);
    for (name, expression) in alerts() {
        let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        for metric in words.filter(|word| word.starts_with("trigpoint_")) {
            let metric = metric.strip_suffix("_bucket").unwrap_or(metric);
            assert!(sources.contains(&format!("\"{metric}\"")), "{name}: {metric}");
        }
    }
}

fn collect(folder: &Path, text: &mut String) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
