//! What is wrong with a fleet beside its rollout, and only a person can mend.

use std::fmt::Write as _;

use kube::ResourceExt as _;
use trigpoint_crd::conditions::fleet as condition;
use trigpoint_rollout::Reason;

use crate::observed::node;
use crate::selector;
use crate::view::View;

/// Of a long list, as many as a person reads.
const MOST_NAMED: usize = 5;

/// A reason and a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

pub(crate) fn troubles(view: &View) -> Vec<Trouble> {
    unreadable(view).into_iter().chain(owned_by_others(view)).collect()
}

/// Objects that another version wrote.
fn unreadable(view: &View) -> Option<Trouble> {
    let mut objects: Vec<String> = view
        .own_unreadable()
        .map(|object| {
            let name = object.metadata.name.as_deref().unwrap_or_default();
            format!("the {} `{name}` cannot be read ({})", object.kind, object.why)
        })
        .collect();
    objects.sort();
    (!objects.is_empty()).then(|| Trouble {
        reason: condition::reason::UNREADABLE,
        message: format!(
            "{}: a newer version may have written it; upgrade the operator, or mend the object",
            listed(&objects)
        ),
    })
}

/// Nodes that the selector matches, and that another fleet has: of this namespace by
/// its record, of another one by its label.
fn owned_by_others(view: &View) -> Option<Trouble> {
    let own = view.fleet.name_any();
    let holder = |node: &k8s_openapi::api::core::v1::Node| {
        let by_label = || Some(node::label(node)?.fleet().to_owned());
        let holder = view.taken.get(&node.name_any()).cloned().or_else(by_label)?;
        (holder != own).then(|| format!("`{}` belongs to fleet `{holder}`", node.name_any()))
    };
    let mut nodes: Vec<String> = view
        .nodes
        .iter()
        .filter(|node| selector::matches(&view.fleet.spec.node_selector, node.labels()))
        .filter_map(|node| holder(node))
        .collect();
    nodes.sort();
    let reason = Reason::OwnedByOtherFleet.as_str();
    (!nodes.is_empty()).then(|| Trouble {
        reason,
        message: format!("{}: let one selector leave such a node out", listed(&nodes)),
    })
}

fn listed(things: &[String]) -> String {
    let mut text = things.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if things.len() > MOST_NAMED {
        let _ = write!(text, " and {} more", things.len() - MOST_NAMED);
    }
    text
}
