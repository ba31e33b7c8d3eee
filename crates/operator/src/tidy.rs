//! What is kept in order beside the rollout: the Service, probes and tests that
//! nobody needs any more, records of nodes that are long gone.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use trigpoint_crd::MeasurementNode;
use trigpoint_rollout::{Ledger, Revision};

use crate::act::Actor;
use crate::error::Stop;
use crate::observed::node::{label, vanished_at};
use crate::observed::pod::{OneShot, created_at, one_shot, revision};
use crate::observed::self_test;
use crate::{ledger, names, render, selector, synthetic};

/// For so long people can look at what became of a node, and at a test.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// Of a pod that has ended; one that cannot start is pending for ever.
const HAS_ENDED: &str = "status.phase!=Pending,status.phase!=Running,status.phase!=Unknown";

impl Actor<'_> {
    /// Makes the fleet's Service as the fleet says, over whatever a person made of
    /// those fields.
    pub(crate) async fn keep_service(&self) -> Result<(), Stop> {
        let Some(wanted) = render::service(&self.view.fleet) else { return Ok(()) };
        let name = wanted.name_any();
        let found = self.view.services.iter().find(|service| service.name_any() == name);
        let unwritable = |error: serde_json::Error| {
            Stop::Invalid(format!("the Service cannot be written: {error}"))
        };
        let mut apply = serde_json::to_value(&wanted).map_err(unwritable)?;
        if let Some(found) = found {
            let found = serde_json::to_value(found.as_ref()).map_err(unwritable)?;
            if holds(&found, &apply) {
                return Ok(());
            }
        }
        apply["apiVersion"] = "v1".into();
        apply["kind"] = "Service".into();
        self.hands.turn("apply Service").await?;
        let parameters = PatchParams::apply(names::FIELD_MANAGER).force();
        self.hands
            .api::<Service>(&self.view.namespace())
            .patch(&name, &parameters, &Patch::Apply(apply))
            .await
            .map(drop)
            .map_err(|source| Stop::of(format!("apply the Service `{name}`"), source))
    }

    /// Deletes what has served its purpose.
    pub(crate) async fn tidy(&self) -> Result<(), Stop> {
        let mut former: BTreeMap<_, Vec<&Pod>> = BTreeMap::new();
        for pod in self.view.pods.iter().filter(|pod| self.is_waste(pod)) {
            let revision = revision(pod);
            match component(pod) {
                Some(component @ (names::PROBE | names::SELF_TEST))
                    if self.is_former(&revision) && has_ended(pod) =>
                {
                    former.entry((component, revision)).or_default().push(pod);
                }
                _ => self.delete(pod.as_ref()).await?,
            }
        }
        for ((component, of), pods) in former {
            let is_spared = |pod: &Pod| revision(pod) == of && self.is_evidence(pod);
            if self.view.pods.iter().any(|pod| is_spared(pod)) {
                for pod in pods {
                    self.delete(pod).await?;
                }
            } else {
                self.delete_ended(component, &of).await?;
            }
        }
        let (ledger, _) = ledger::read(self.view.ledger.as_deref())?;
        for record in &self.view.records {
            let is_old = vanished_at(record).is_some_and(|since| since + KEPT <= self.now);
            if is_old || self.is_let_go(record, &ledger) {
                self.delete(record.as_ref()).await?;
            }
        }
        Ok(())
    }

    /// Deletes all that have ended of a component of a revision, in one write however
    /// many nodes there are.
    async fn delete_ended(&self, component: &str, revision: &Revision) -> Result<(), Stop> {
        self.hands.turn("deletecollection Pod").await?;
        let labels = format!(
            "{}={},{}={component},{}={revision}",
            names::FLEET,
            self.view.fleet.name_any(),
            names::COMPONENT,
            names::REVISION,
        );
        let which = ListParams::default().labels(&labels).fields(HAS_ENDED);
        let pods: Api<Pod> = self.hands.api(&self.view.namespace());
        pods.delete_collection(&DeleteParams::default(), &which)
            .await
            .map(drop)
            .map_err(|source| Stop::of(format!("delete each {component} of `{revision}`"), source))
    }

    /// No node has that revision, or is about to.
    fn is_former(&self, revision: &Revision) -> bool {
        !self.view.daemon_sets.iter().any(|set| set.name_any() == revision.as_str())
    }

    /// The fleet does not select the node any more, and has nothing there: the record
    /// must not keep it from another fleet, whose record would have the same name.
    fn is_let_go(&self, record: &MeasurementNode, ledger: &Ledger) -> bool {
        let view = self.view;
        let name = &record.spec.node_name;
        let Some(node) = view.node(name) else { return false };
        let is_ours = label(node).is_some_and(|label| label.fleet() == view.fleet.name_any());
        !is_ours
            && !selector::matches(&view.fleet.spec.node_selector, node.labels())
            && !ledger.claims.contains_key(name)
            && view.stations_on(name).next().is_none()
            // A person's word is kept until the person takes it back.
            && record.spec.drain.is_none()
    }

    /// A test that found addresses rewritten keeps its node from another station, which
    /// would only find the same, until facts are found out again anyway.
    fn is_evidence(&self, test: &Pod) -> bool {
        let recheck = self.view.fleet.spec.qualification.recheck.0;
        component(test) == Some(names::SELF_TEST)
            && self_test::rewritten(test) == Some(true)
            && self.is_of_present_node(test)
            && created_at(test) + recheck > self.now
    }

    fn is_of_present_node(&self, pod: &Pod) -> bool {
        let node_uid = pod.annotations().get(names::NODE_UID);
        node_uid.is_some_and(|uid| self.view.has_node(uid))
    }

    /// A test of a pod that is gone, or a probe, of a revision that no node has or is
    /// to have, or a sample that is not the last one.
    fn is_waste(&self, pod: &Pod) -> bool {
        let view = self.view;
        let component = component(pod);
        if pod.metadata.deletion_timestamp.is_some() {
            return false;
        }
        if component == Some(names::SYNTHETIC_TEST) {
            return synthetic::is_waste(view, pod, self.now);
        }
        if one_shot(pod) == OneShot::Running {
            return false;
        }
        match component {
            Some(names::SELF_TEST) => {
                let tested = pod.labels().get(names::TESTED_POD);
                let is_gone = tested.is_none_or(|uid| view.pod(uid).is_none());
                // Where a station was replaced by one of the same revision.
                let is_old = created_at(pod) + KEPT <= self.now;
                is_gone && (is_old || self.is_former(&revision(pod))) && !self.is_evidence(pod)
            }
            Some(names::PROBE) => self.is_former(&revision(pod)) || !self.is_of_present_node(pod),
            _ => false,
        }
    }
}

fn component(pod: &Pod) -> Option<&str> {
    pod.labels().get(names::COMPONENT).map(String::as_str)
}

/// As [`HAS_ENDED`] asks.
fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Whether everything that is wanted is in what is found; a server adds defaults
/// to objects, and nothing to lists of ours.
fn holds(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| found.get(name).is_some_and(|found| holds(found, wanted))),
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(found, wanted)| holds(found, wanted))
        }
        (found, wanted) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::holds;

    #[test]
    fn defaults_of_the_server_are_no_difference_and_edits_are() {
        let wanted = json!({"spec": {"type": "NodePort", "ports": [{"port": 80}]}});
        let stored = json!({"spec": {
            "type": "NodePort",
            "clusterIP": "10.96.0.9",
            "ports": [{"port": 80, "nodePort": 30123}],
        }});
        assert!(holds(&stored, &wanted));
        let mut edited = stored.clone();
        edited["spec"]["ports"][0]["port"] = json!(81);
        assert!(!holds(&edited, &wanted));
        edited = stored.clone();
        edited["spec"]["ports"].as_array_mut().unwrap().push(json!({"port": 22}));
        assert!(!holds(&edited, &wanted));
    }
}
