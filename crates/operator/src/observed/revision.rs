//! Revisions of a fleet.

use std::collections::BTreeMap;

use kube::ResourceExt as _;
use trigpoint_rollout::{Revision, RevisionRecord};

use crate::names;
use crate::time;
use crate::view::View;

pub(super) fn revisions(view: &View) -> BTreeMap<Revision, RevisionRecord> {
    let record = |object: &k8s_openapi::api::apps::v1::ControllerRevision| {
        let name = object.name_any();
        let promoted = object.annotations().get(names::PROMOTED_AT);
        RevisionRecord {
            created_at: object
                .creation_timestamp()
                .as_ref()
                .map(time::from_api)
                .unwrap_or_default(),
            promoted_at: promoted.and_then(|text| time::from_text(text)),
            has_daemon_set: view
                .daemon_sets
                .iter()
                .any(|set| set.name_any() == name && set.metadata.deletion_timestamp.is_none()),
            // Likewise hoped for.
            refusal: None,
        }
    };
    view.revisions
        .iter()
        .filter(|object| object.metadata.deletion_timestamp.is_none())
        .map(|object| (Revision::new(object.name_any()), record(object)))
        .collect()
}
