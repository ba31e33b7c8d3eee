//! Nodes that a person takes out of service: `trigpoint fleet drain`.
//!
//! `kubectl drain` passes daemon pods over, so a reboot would cut tests off.  The
//! person's word, kept in the node's record, is what a claim is elsewhere: it
//! waits for no window, no budget and no pause.

use crate::situation::{Draft, Situation};
use crate::{Action, Presence, Reason, Wait};

/// Releases the nodes that are to be out of service.
pub(crate) fn drain(situation: &Situation<'_>, draft: &mut Draft) {
    for (name, node) in situation.nodes() {
        let Some(maintenance) = node.maintenance() else { continue };
        if matches!(node.presence, Presence::Vanished { .. }) {
            continue;
        }
        let reason = &maintenance.reason;
        if node.label.as_ref().is_some_and(|label| situation.desired.owns(label)) {
            draft
                .actions
                .push(Action::Release { node: name.to_owned(), fence: situation.fence(node) });
        }
        let wait = if node.label.is_none() && node.pods.is_empty() {
            Wait::new(Reason::Drained, format!("out of service: {reason}"))
        } else if node.presence == Presence::NotReady {
            let message = format!("its pod cannot be seen to end, the node is not ready: {reason}");
            Wait::new(Reason::NodeNotReady, message)
        } else {
            Wait::new(Reason::Draining, format!("its pod drains, to be out of service: {reason}"))
        };
        draft.wait(name, wait);
    }
}
