//! Revisions of a fleet as ControllerRevisions: what was wished, and what it was
//! rendered to.
//!
//! A revision is found again by what was wished and not by a hash of what it
//! renders to, so an operator that renders otherwise, or knows a field more, makes
//! no new one.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::ResourceExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet::{Drain, Network, Privilege, Spool, StationTemplate};
use trigpoint_rollout::Revision;

use crate::error::Stop;
use crate::settings::Settings;
use crate::view::View;
use crate::{names, render};

/// The part of a fleet's spec that makes a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inputs {
    template: StationTemplate,
    network: Network,
    privilege: Privilege,
    drain: Drain,
    spool: Spool,
}

/// `data` of a ControllerRevision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Content {
    inputs: Inputs,
    template: PodTemplateSpec,
}

impl Inputs {
    fn of(fleet: &MeasurementFleet) -> Self {
        let spec = &fleet.spec;
        Self {
            template: spec.template.clone(),
            network: spec.network.clone(),
            privilege: spec.privilege.clone(),
            drain: spec.drain,
            spool: spec.spool.clone(),
        }
    }

    /// `<fleet>-<hash>`, of the inputs and of the namespace: the node label knows
    /// no namespaces.
    fn name(&self, fleet: &MeasurementFleet) -> Result<Revision, Stop> {
        let inputs = serde_json::to_value(self).map_err(unwritable)?;
        let mut text = fleet.namespace().unwrap_or_default();
        text.push('\n');
        write_sorted(&mut text, &inputs);
        Ok(Revision::new(format!("{}-{}", fleet.name_any(), names::digest(&text))))
    }
}

/// The revision that the fleet's spec asks for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) revision: Revision,
    /// Whether it is there; it is to be made if not.
    pub(crate) is_stored: bool,
}

/// The newest revision with the same inputs, or the name of one that is to be made.
pub(crate) fn newest(view: &View) -> Result<Newest, Stop> {
    let inputs = Inputs::of(&view.fleet);
    let same = view
        .revisions
        .iter()
        .filter(|object| object.metadata.deletion_timestamp.is_none())
        .filter(|object| content(object).is_ok_and(|content| content.inputs == inputs))
        .max_by_key(|object| (object.creation_timestamp(), object.name_any()));
    if let Some(object) = same {
        return Ok(Newest { revision: Revision::new(object.name_any()), is_stored: true });
    }
    let revision = inputs.name(&view.fleet)?;
    if view.revision(revision.as_str()).is_some() {
        return Err(Stop::Invalid(format!(
            "the revision `{revision}` is there already with other contents; change anything in \
             spec.template, such as an environment variable, to get another name"
        )));
    }
    Ok(Newest { revision, is_stored: false })
}

/// Renders a revision, once and for all.
pub(crate) fn make(
    view: &View,
    revision: &Revision,
    settings: &Settings,
) -> Result<ControllerRevision, Stop> {
    let fleet = &view.fleet;
    let template = render::template(fleet, revision, settings)?;
    let content = Content { inputs: Inputs::of(fleet), template };
    let last = view.revisions.iter().map(|object| object.revision).max().unwrap_or(0);
    Ok(ControllerRevision {
        metadata: render::record_metadata(fleet, revision.to_string()),
        data: Some(RawExtension(serde_json::to_value(content).map_err(unwritable)?)),
        revision: last + 1,
    })
}

/// The pod template of a revision, as it was rendered when the revision was made.
pub(crate) fn template(object: &ControllerRevision) -> Result<PodTemplateSpec, Stop> {
    content(object).map(|content| content.template)
}

/// The image of a revision.
pub(crate) fn image(object: &ControllerRevision) -> Result<String, Stop> {
    content(object).map(|content| content.inputs.template.image)
}

fn content(object: &ControllerRevision) -> Result<Content, Stop> {
    let data = object.data.as_ref().map(|data| data.0.clone()).unwrap_or_default();
    serde_json::from_value(data).map_err(|error| {
        Stop::Invalid(format!("the revision `{}` cannot be read: {error}", object.name_any()))
    })
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unwritable(error: serde_json::Error) -> Stop {
    Stop::Invalid(format!("the revision cannot be written: {error}"))
}

/// As JSON with the members of each object in the order of their names, whatever
/// order a map has them in.
fn write_sorted(text: &mut String, value: &Value) {
    match value {
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            text.push('{');
            for (name, member) in sorted {
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                write_sorted(text, member);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_sorted(text, item);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::desired::tests::fleet;
    use crate::render::tests::settings;

    fn view(fleet: &MeasurementFleet, revisions: Vec<ControllerRevision>) -> View {
        let revisions = revisions.into_iter().map(Arc::new).collect();
        View { revisions, ..View::of(Arc::new(fleet.clone())) }
    }

    fn found(fleet: &MeasurementFleet, revisions: Vec<ControllerRevision>) -> (String, bool) {
        let newest = newest(&view(fleet, revisions)).unwrap();
        (newest.revision.to_string(), newest.is_stored)
    }

    fn object(fleet: &MeasurementFleet) -> ControllerRevision {
        let view = view(fleet, Vec::new());
        make(&view, &newest(&view).unwrap().revision, &settings()).unwrap()
    }

    #[test]
    fn what_a_station_runs_on_makes_a_revision_and_nothing_else_does() {
        let before = fleet(&json!({}));
        let kept = object(&before);
        let same = [
            json!({"rollout": {"paused": true}}),
            json!({"gates": [{"name": "failures", "metric": "FailedTestsPerThousand", "limit": 5}]}),
            json!({"qualification": {"minKernel": "6.1"}}),
        ];
        for change in same {
            let expected = (kept.name_any(), true);
            assert_eq!(found(&fleet(&change), vec![kept.clone()]), expected, "{change}");
        }
        let others = [
            json!({"template": {"image": "example.org/trigpoint:2"}}),
            json!({"drain": {"flush": "2m"}}),
            json!({"privilege": {"congestionControl": "bbr"}}),
            json!({"spool": {"sizeLimit": "4Gi"}}),
        ];
        for change in others {
            let (revision, is_stored) = found(&fleet(&change), vec![kept.clone()]);
            assert_ne!(revision, kept.name_any(), "{change}");
            assert!(!is_stored, "{change}");
        }
    }

    #[test]
    fn a_renderer_that_changed_makes_no_revision() {
        let fleet = fleet(&json!({}));
        let mut old = object(&fleet);
        let data = &mut old.data.as_mut().unwrap().0;
        data["template"]["spec"]["containers"][0]["args"] = json!(["server", "--as-of-old"]);
        // A field that the operator of then did not have.
        data["inputs"].as_object_mut().unwrap()["spool"]
            .as_object_mut()
            .unwrap()
            .remove("sizeLimit");
        old.metadata.name = Some("stations-ffffffffff".to_owned());
        let expected = ("stations-ffffffffff".to_owned(), true);
        assert_eq!(found(&fleet, vec![old.clone()]), expected);
        let args = template(&old).unwrap().spec.unwrap().containers[0].args.clone().unwrap();
        assert_eq!(args, ["server", "--as-of-old"]);
    }

    #[test]
    fn the_name_covers_the_namespace_and_not_the_order_of_members() {
        let here = fleet(&json!({}));
        let mut elsewhere = here.clone();
        elsewhere.metadata.namespace = Some("elsewhere".to_owned());
        assert_ne!(object(&here).name_any(), object(&elsewhere).name_any());
        let mut text = [String::new(), String::new()];
        write_sorted(
            &mut text[0],
            &serde_json::from_str(r#"{"b":[1],"a":{"d":2,"c":3}}"#).unwrap(),
        );
        write_sorted(
            &mut text[1],
            &serde_json::from_str(r#"{"a":{"c":3,"d":2},"b":[1]}"#).unwrap(),
        );
        assert_eq!(text[0], text[1]);
    }
}
