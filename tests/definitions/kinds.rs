//! The two kinds, where they are in the API, and an object of each.

use serde_json::{Value, json};
use trigpoint_testkit::ApiServer;

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Fleet,
    Node,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Fleet, Self::Node];

    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Fleet => "measurementfleets",
            Self::Node => "measurementnodes",
        }
    }

    /// Path of all objects of a namespace.
    pub(crate) fn collection(self) -> String {
        format!("/apis/trigpoint.dev/v1alpha1/namespaces/default/{}", self.plural())
    }

    /// Path of the object of the tests.
    pub(crate) fn object(self) -> String {
        let name = match self {
            Self::Fleet => "stations",
            Self::Node => "node-1",
        };
        format!("{}/{name}", self.collection())
    }

    /// What the server has as its schema.
    pub(crate) fn schema(self, server: &ApiServer) -> Value {
        let path = format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}.trigpoint.dev",
            self.plural()
        );
        let (code, definition) = server.request("GET", &path, &Value::Null);
        assert_eq!(code, 200, "{definition}");
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    /// What makes it an object beside the one of the tests, as a merge patch.
    pub(crate) fn another(self) -> Value {
        let metadata = json!({"name": "another"});
        match self {
            Self::Fleet => json!({"metadata": metadata}),
            Self::Node => json!({"metadata": metadata, "spec": {"nodeName": "another"}}),
        }
    }

    /// `{"status": …}`, whole.
    pub(crate) fn status(self) -> Value {
        match self {
            Self::Fleet => fleet_status(),
            Self::Node => node_status(),
        }
    }
}

/// A node without its status, whole.
pub(crate) fn node() -> Value {
    json!({
        "apiVersion": "trigpoint.dev/v1alpha1",
        "kind": "MeasurementNode",
        "metadata": {"name": "node-1"},
        "spec": {
            "nodeName": "node-1",
            "nodeUid": "6f3c1c1e-2b0e-4c55-9d0a-8a5d2f3b1a10",
            "fleet": "stations",
            "assignedRevision": "stations-0a1b2c3d4e",
            "drain": {"reason": "a power supply is replaced"},
        },
    })
}

const NOW: &str = "2026-11-27T08:00:00Z";

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": NOW,
        "reason": reason,
        "message": "three of nine nodes have the new revision",
    })
}

fn fleet_status() -> Value {
    json!({"status": {
        "observedGeneration": 1,
        "stableRevision": "stations-9f8e7d6c5b",
        "targetRevision": "stations-0a1b2c3d4e",
        "rollout": {
            "wave": "canary", "startedAt": NOW, "waveStartedAt": NOW, "bakeUntil": NOW,
        },
        "nodes": {
            "selected": 10, "qualified": 9, "excluded": 1, "updated": 3, "ready": 9,
            "unavailable": 0, "failed": 0, "lost": 0,
        },
        "inFlight": [{"node": "node-1", "step": "ConfirmGone", "since": NOW, "attempt": 1}],
        "gates": [{
            "name": "throughput", "wave": "canary", "verdict": "Pass", "value": 941.2,
            "baseline": 940.0, "samples": 200, "at": NOW,
        }],
        "conditions": [
            condition("Progressing", "True", "CanaryBaking"),
            condition("Paused", "False", "Updating"),
        ],
    }})
}

fn node_status() -> Value {
    json!({"status": {
        "observedGeneration": 1,
        "observedRevision": "stations-0a1b2c3d4e",
        "facts": {
            "kernel": "6.18.5", "arch": "amd64", "cpuModel": "EPYC", "virtualization": "kvm",
            "congestionControls": ["cubic", "bbr"], "clockOffsetMicros": -12,
            "clockSource": "kvm-clock", "ipv4": true, "ipv6": false, "linkMbps": 10000,
            "mtu": 1500, "driver": "virtio_net", "offloads": ["tso", "gro"],
            "cpuManagerPolicy": "none", "measuredAt": NOW,
        },
        "pod": {"name": "stations-x7x2p", "uid": "0d0e", "ready": true},
        "lastDrain": {
            "at": NOW, "outcome": "Clean", "aborted": 0, "completed": 2, "flushedRows": 812,
            "unflushedRows": 0, "seconds": 21,
        },
        "failure": {
            "revision": "stations-0a1b2c3d4e", "reason": "StartFailed", "count": 2, "retryAt": NOW,
        },
        "conditions": [condition("Qualified", "True", "AllRulesFulfilled")],
    }})
}
