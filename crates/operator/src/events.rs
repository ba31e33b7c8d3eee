//! What was decided, as Events of the fleet: for `kubectl describe`.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Resource as _;
use tracing::debug;
use trigpoint_crd::conditions::fleet as condition;
use trigpoint_rollout::{Action, Change, Reason, Revision, Verdict};

use crate::act::{Actor, Hands, parameters};
use crate::error::Stop;
use crate::watch::Unreadable;

/// An Event is a courtesy; nothing waits for it longer.
const DEADLINE: Duration = Duration::from_secs(5);
/// The API server's bound on a note, in bytes.
const LONGEST_NOTE: usize = 1024;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    is_warning: bool,
    reason: String,
    note: String,
}

impl Actor<'_> {
    /// Tells of an action that was carried out.  Each ledger is written once, so
    /// each change is told once.
    pub(crate) async fn tell(&self, action: &Action) {
        for told in told(action) {
            self.tell_one(&told).await;
        }
    }

    /// Tells what a gate says now.
    pub(crate) async fn tell_of_gate(&self, gate: &str, verdict: Verdict, explanation: &str) {
        let note = format!("gate `{gate}`: {explanation}");
        self.tell_one(&match verdict {
            Verdict::Pass => normal("GatePassed", note),
            Verdict::Fail => warning(Reason::GateFailed.as_str(), note),
            Verdict::Inconclusive => normal(Reason::GateInconclusive.as_str(), note),
            Verdict::Error => warning(Reason::GateError.as_str(), note),
        })
        .await;
    }

    async fn tell_one(&self, told: &Told) {
        self.hands.tell(&self.view.fleet.object_ref(&()), told).await;
    }
}

impl Hands {
    /// Tells of an object that this version cannot read, beside that very object.
    pub(crate) async fn tell_of_unreadable(&self, object: &Unreadable) {
        let metadata = &object.metadata;
        let regarding = ObjectReference {
            api_version: Some(object.api_version.clone()),
            kind: Some(object.kind.clone()),
            name: metadata.name.clone(),
            namespace: metadata.namespace.clone(),
            uid: metadata.uid.clone(),
            ..ObjectReference::default()
        };
        let note = format!(
            "this operator cannot read it, and leaves it alone ({}): upgrade the operator, or \
             mend the object",
            object.why
        );
        self.tell(&regarding, &warning(condition::reason::UNREADABLE, note)).await;
    }

    async fn tell(&self, regarding: &ObjectReference, told: &Told) {
        match tokio::time::timeout(DEADLINE, self.post(regarding, told)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, reason = told.reason, "an Event is lost"),
            Err(_) => debug!(reason = told.reason, "an Event is lost, in want of an answer"),
        }
    }

    async fn post(&self, regarding: &ObjectReference, told: &Told) -> Result<(), Stop> {
        let now = Timestamp::now();
        let name = regarding.name.as_deref().unwrap_or_default();
        // Of what has no namespace, Events are in the default one.
        let namespace = regarding.namespace.as_deref().unwrap_or("default");
        let mut event = Event {
            action: Some(told.reason.clone()),
            event_time: Some(MicroTime(now)),
            note: Some(cut(&told.note).to_owned()),
            reason: Some(told.reason.clone()),
            regarding: Some(regarding.clone()),
            reporting_controller: Some("trigpoint.dev/operator".to_owned()),
            reporting_instance: Some("trigpoint-operator".to_owned()),
            type_: Some(if told.is_warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        event.metadata.name = Some(format!("{name}.{:x}", now.as_nanosecond()));
        event.metadata.namespace = Some(namespace.to_owned());
        self.turn("create Event").await?;
        self.api::<Event>(namespace)
            .create(&parameters(), &event)
            .await
            .map(drop)
            .map_err(|source| Stop::of("post an Event", source))
    }
}

fn told(action: &Action) -> Vec<Told> {
    match action {
        Action::Record { changes, .. } => changes.iter().map(of_change).collect(),
        Action::Promote { revision } => {
            vec![normal("Promoted", format!("`{revision}` is the stable revision now"))]
        }
        // Steps of a handoff are in the status of fleet and node; its beginning and its end
        // are told as changes of the ledger.
        _ => Vec::new(),
    }
}

fn of_change(change: &Change) -> Told {
    match change {
        Change::Begin { revision } => {
            normal("RolloutStarted", format!("the fleet is brought to `{revision}`"))
        }
        Change::Claim { node, from, to, .. } => normal(
            "Claimed",
            format!("`{node}` goes from {} to {}", named(from.as_ref()), named(to.as_ref())),
        ),
        Change::Turn { node, to } => normal("Turned", format!("`{node}` goes to `{to}` instead")),
        Change::Renew { node } => {
            normal("Renewed", format!("`{node}` is back and has its full time again"))
        }
        Change::Unclaim { node, reason } => match reason {
            Reason::Verified => normal("Verified", format!("`{node}` serves")),
            reason => normal(reason.as_str(), format!("`{node}` is in flight no more")),
        },
        Change::Fail { node, revision, reason, message } => {
            warning(reason.as_str(), format!("`{node}` failed with `{revision}`: {message}"))
        }
        Change::LoseRows { node, rows } => warning(
            Reason::RowsLost.as_str(),
            format!("the station that left `{node}` lost {rows} rows"),
        ),
        Change::PassWave { wave } => {
            normal("WavePassed", format!("wave `{wave}` is behind the rollout"))
        }
    }
}

fn named(revision: Option<&Revision>) -> String {
    revision.map_or_else(|| "nothing".to_owned(), |revision| format!("`{revision}`"))
}

fn normal(reason: &str, note: String) -> Told {
    Told { is_warning: false, reason: reason.to_owned(), note }
}

fn warning(reason: &str, note: String) -> Told {
    Told { is_warning: true, reason: reason.to_owned(), note }
}

fn cut(note: &str) -> &str {
    let mut end = note.len().min(LONGEST_NOTE);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    &note[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(LONGEST_NOTE);
        assert_eq!(cut(&long).len(), LONGEST_NOTE);
        assert_eq!(cut(&format!("a{long}")).len(), LONGEST_NOTE - 1);
    }

    #[test]
    fn a_failed_node_is_a_warning_with_its_reason() {
        let told = of_change(&Change::Fail {
            node: "node-1".to_owned(),
            revision: Revision::new("stations-0123456789"),
            reason: Reason::StartFailed,
            message: "ErrImagePull".to_owned(),
        });
        assert!(told.is_warning);
        assert_eq!(told.reason, "StartFailed");
        assert!(told.note.contains("`node-1`") && told.note.contains("ErrImagePull"));
    }
}
