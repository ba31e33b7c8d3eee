//! How a fleet stands, as its operator said last.

use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementNode;
use trigpoint_crd::conditions::{fleet as of_fleet, node as of_node};

use super::snapshot::Snapshot;
use super::table::{or_dash, table};

/// The answer to "what is it waiting for", and a line for each node.
pub fn status(snapshot: &Snapshot) -> String {
    let view = &snapshot.0;
    let fleet = &view.fleet;
    let name = fleet.name_any();
    let Some(status) = &fleet.status else {
        return format!(
            "fleet {name}: no operator has looked at it yet; is one running that watches \
             namespace {}?\n",
            view.namespace()
        );
    };
    let mut text = format!(
        "fleet {name}: target {}, stable {}",
        or_dash(status.target_revision.as_ref()),
        or_dash(status.stable_revision.as_ref())
    );
    if let Some(wave) = status.rollout.as_ref().and_then(|rollout| rollout.wave.as_ref()) {
        let _ = write!(text, ", wave {wave}");
    }
    text.push('\n');
    if let Some(nodes) = &status.nodes {
        let _ = writeln!(
            text,
            "nodes: {} selected, {} qualified, {} updated, {} ready, {} in flight, {} failed, {} lost",
            nodes.selected,
            nodes.qualified,
            nodes.updated,
            nodes.ready,
            status.in_flight.len(),
            nodes.failed,
            nodes.lost
        );
    }
    if status.observed_generation != fleet.metadata.generation {
        text.push_str("the operator has not seen the last change of the fleet yet\n");
    }
    for (type_, title) in [
        (of_fleet::PROGRESSING, "waiting for"),
        (of_fleet::PAUSED, "paused"),
        (of_fleet::DEGRADED, "degraded"),
    ] {
        let said = find(&status.conditions, type_)
            .filter(|condition| type_ == of_fleet::PROGRESSING || condition.status == "True");
        if let Some(condition) = said {
            let _ = writeln!(text, "{title}: {}", sentence(condition));
        }
    }
    let mut records: Vec<&MeasurementNode> = view.records.iter().map(AsRef::as_ref).collect();
    records.sort_by_key(|record| record.spec.node_name.clone());
    let header = ["NODE", "ASSIGNED", "RUNNING", "READY", "STEP", "WHY"].map(str::to_owned);
    let rows = records.into_iter().map(|record| {
        let step = status.in_flight.iter().find(|flight| flight.node == record.spec.node_name);
        row(record, step.map(|flight| format!("{:?}", flight.step)))
    });
    text.push('\n');
    text.push_str(&table(&std::iter::once(header).chain(rows).collect::<Vec<_>>()));
    text
}

fn row(record: &MeasurementNode, step: Option<String>) -> [String; 6] {
    let status = record.status.clone().unwrap_or_default();
    let pod = status.pod.as_ref();
    [
        record.spec.node_name.clone(),
        or_dash(record.spec.assigned_revision.as_ref()),
        or_dash(status.observed_revision.as_ref()),
        or_dash(pod.map(|pod| if pod.ready { "yes" } else { "no" })),
        or_dash(step),
        why(&status.conditions),
    ]
}

/// The first thing that is not as it should be.
fn why(conditions: &[Condition]) -> String {
    let is_wrong = |type_: &str, wrong: bool| {
        find(conditions, type_)
            .filter(|condition| (condition.status == "True") == wrong)
            .map(sentence)
    };
    is_wrong(of_node::QUALIFIED, false)
        .or_else(|| is_wrong(of_node::RUNNING, false))
        .or_else(|| is_wrong(of_node::FAILED, true))
        .unwrap_or_default()
}

fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

fn sentence(condition: &Condition) -> String {
    if condition.message.is_empty() {
        condition.reason.clone()
    } else {
        format!("{}: {}", condition.reason, condition.message)
    }
}
