//! A fleet that is deleted.
//!
//! Its labels go from all nodes at once, whatever else is wrong with them; the
//! owner of the other objects is the fleet, so they go with it.

use crate::situation::{Draft, Situation};
use crate::{Action, Reason, Wait};

/// Takes the fleet's labels away, and then the finalizer.
pub(crate) fn delete(situation: &Situation<'_>, draft: &mut Draft) {
    let labelled: Vec<_> = situation
        .nodes()
        .filter(|(_, node)| node.label.as_ref().is_some_and(|l| situation.desired.owns(l)))
        .collect();
    for (name, node) in &labelled {
        draft
            .actions
            .push(Action::Release { node: (*name).to_owned(), fence: situation.fence(node) });
        draft.wait(name, Wait::new(Reason::Deleting, "its fleet is being deleted"));
    }
    if labelled.is_empty() {
        draft.actions.push(Action::RemoveFinalizer);
    }
}
