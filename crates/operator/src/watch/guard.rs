//! Objects that another version may have written.
//!
//! One that does not fit must not keep the others of its list from being read.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::PartialObjectMeta;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trigpoint_crd::GROUP;

/// An object, as far as it can be read.
#[derive(Debug, Clone)]
pub(crate) enum Guarded<K> {
    Whole(K),
    /// Its status is not known here, and why.  A status of our own kinds is only
    /// derived: it is as if it had been wiped, and is written anew.
    WithoutStatus(K, String),
    Unreadable(Box<Unreadable>),
}

/// An object of which only the metadata is understood.
#[derive(Debug, Clone)]
pub(crate) struct Unreadable {
    pub(crate) kind: String,
    pub(crate) api_version: String,
    pub(crate) metadata: ObjectMeta,
    pub(crate) why: String,
}

impl<'de, K> Deserialize<'de> for Guarded<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        let why = match K::deserialize(&value) {
            Ok(object) => return Ok(Self::Whole(object)),
            Err(error) => error.to_string(),
        };
        if K::group(&()) == GROUP
            && value.as_object_mut().is_some_and(|object| object.remove("status").is_some())
            && let Ok(object) = K::deserialize(&value)
        {
            return Ok(Self::WithoutStatus(object, why));
        }
        let meta = PartialObjectMeta::<K>::deserialize(&value).map_err(D::Error::custom)?;
        Ok(Self::Unreadable(Box::new(Unreadable {
            kind: K::kind(&()).into_owned(),
            api_version: K::api_version(&()).into_owned(),
            metadata: meta.metadata,
            why,
        })))
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &K::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &K::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &K::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &K::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Whole(object) | Self::WithoutStatus(object, _) => object.meta(),
            Self::Unreadable(object) => &object.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Whole(object) | Self::WithoutStatus(object, _) => object.meta_mut(),
            Self::Unreadable(object) => &mut object.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;
    use trigpoint_crd::MeasurementNode;

    use super::*;

    fn record(spec: &Value, outcome: &str) -> Guarded<MeasurementNode> {
        let record = json!({
            "apiVersion": "trigpoint.dev/v1alpha1", "kind": "MeasurementNode",
            "metadata": {"name": "node-1", "namespace": "measurement"},
            "spec": spec,
            "status": {"lastDrain": {"at": "2026-11-27T08:00:00Z", "outcome": outcome}},
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_named_and_a_status_is_given_up_before_its_object() {
        let spec = json!({"nodeName": "node-1", "nodeUid": "u", "fleet": "stations"});
        let Guarded::Whole(whole) = record(&spec, "Clean") else { panic!() };
        assert!(whole.status.is_some());
        let Guarded::WithoutStatus(bare, why) = record(&spec, "Postponed") else { panic!() };
        assert!(bare.status.is_none() && bare.spec.fleet == "stations");
        assert!(why.contains("Postponed"), "{why}");
        let Guarded::Unreadable(object) = record(&json!({"nodeName": 7}), "Clean") else {
            panic!()
        };
        assert_eq!(object.metadata.name.as_deref(), Some("node-1"));
        assert_eq!(object.kind, "MeasurementNode");
    }

    #[test]
    fn a_pod_without_its_status_would_be_another_pod() {
        let pod = json!({"metadata": {"name": "pod"}, "spec": {"containers": []}, "status": 7});
        let read: Guarded<Pod> = serde_json::from_value(pod).unwrap();
        assert!(matches!(read, Guarded::Unreadable(_)), "{read:?}");
    }
}
