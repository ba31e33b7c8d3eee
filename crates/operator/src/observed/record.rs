//! What a `MeasurementNode` holds.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementNode;
use trigpoint_crd::node::{DrainOutcome, LastDrain as StoredDrain};
use trigpoint_rollout::{LastDrain, Maintenance, NodeRecord, Revision, Time};

use super::{facts, pod, probe};
use crate::names;
use crate::render::{SERVER, TRACEROUTE};
use crate::time;
use crate::view::View;

pub(super) fn record(view: &View, record: &MeasurementNode, node: Option<&Node>) -> NodeRecord {
    let spec = &record.spec;
    let status = record.status.as_ref();
    // What was just measured is newer than what is stored of it, and a status
    // that was wiped is found again.
    let measured = node.and_then(|node| facts::of_probes(view, node, &spec.node_uid));
    let stored = status.and_then(|status| status.facts.clone());
    NodeRecord {
        uid: spec.node_uid.clone(),
        assigned: spec.assigned_revision.as_deref().map(Revision::new),
        maintenance: spec.drain.as_ref().map(|drain| Maintenance { reason: drain.reason.clone() }),
        facts: node
            .zip(measured.or(stored))
            .and_then(|(node, facts)| facts::facts(view, node, &facts)),
        probes: probe::probes(view, &spec.node_name, &spec.node_uid),
        last_drain: last_drain(view, record).map(|drain| LastDrain {
            at: time::from_api(&drain.at),
            // On a host path they are still there, and the next station delivers them.
            unflushed_rows: drain
                .unflushed_rows
                .map(|rows| if is_kept(view) { 0 } else { rows })
                .and_then(|rows| u64::try_from(rows).ok()),
        }),
    }
}

/// How the node's last station ended: of a pod that left since the last round,
/// or of one before.
fn last_drain(view: &View, record: &MeasurementNode) -> Option<StoredDrain> {
    let stored = record.status.as_ref().and_then(|status| status.last_drain.clone());
    let seen = drain_of(view, &record.spec.node_name);
    match (stored, seen) {
        (Some(stored), Some(seen)) if stored.at >= seen.at => Some(stored),
        (stored, seen) => seen.or(stored),
    }
}

/// How the newest station that left the node since the last round ended.
pub(crate) fn drain_of(view: &View, node: &str) -> Option<StoredDrain> {
    let left = view.departed.iter().filter(|left| {
        pod::node(left) == Some(node)
            && left.labels().get(names::COMPONENT).is_some_and(|c| c == names::STATION)
    });
    left.filter_map(|left| Some(drain(left, gone_at(left)?, is_kept(view))))
        .max_by_key(|drain| drain.at.clone())
}

/// Whether spools outlive their pods.
fn is_kept(view: &View) -> bool {
    view.fleet.spec.spool.host_path.is_some()
}

/// When its containers ended or, where nobody saw that, when it was to be gone.
fn gone_at(pod: &Pod) -> Option<Time> {
    pod::ended_at(pod).or_else(|| pod.metadata.deletion_timestamp.as_ref().map(time::from_api))
}

/// What both programs of a station said at their end, together; whoever says
/// nothing may have lost rows.
fn drain(pod: &Pod, at: Time, is_kept: bool) -> StoredDrain {
    let told = |container: &str| {
        let words = pod::last_words(pod, container)?;
        serde_json::from_str::<StoredDrain>(words.trim()).ok()
    };
    let (server, traceroute) = (told(SERVER), told(TRACEROUTE));
    let all = [server.as_ref(), traceroute.as_ref()];
    let sum = |figure: fn(&StoredDrain) -> Option<i64>| -> Option<i64> {
        all.iter().map(|told| told.and_then(figure)).sum()
    };
    // Of some it may be known that they are lost where nothing is known of others.
    let known_lost: i64 = all.iter().filter_map(|told| (*told)?.unflushed_rows).sum();
    let unflushed_rows = sum(|told| told.unflushed_rows).or((known_lost > 0).then_some(known_lost));
    let aborted = server.as_ref().and_then(|told| told.aborted);
    let is_lost = known_lost > 0 && !is_kept;
    let outcome = match (aborted, unflushed_rows) {
        (Some(tests), _) if tests > 0 => DrainOutcome::Cut,
        _ if is_lost => DrainOutcome::Cut,
        (None, _) | (_, None) => DrainOutcome::Unknown,
        _ => DrainOutcome::Clean,
    };
    StoredDrain {
        at: time::to_api(at),
        outcome,
        aborted,
        completed: server.as_ref().and_then(|told| told.completed),
        flushed_rows: sum(|told| told.flushed_rows),
        unflushed_rows,
        seconds: all.iter().filter_map(|told| (*told)?.seconds).max(),
    }
}
