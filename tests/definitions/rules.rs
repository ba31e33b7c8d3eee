//! One example for each rule that breaks it, and what a person reads then.

use serde_json::Value;

use super::kinds::Kind;

/// A change to an object that the server refuses.
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    pub(crate) on: On,
    /// What is changed, as a JSON merge patch (RFC 7386).
    pub(crate) change: &'static str,
    /// The rule's message.
    pub(crate) says: &'static str,
}

/// Whether the changed object is made anew, or is the old one changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Create,
    Update,
}

const fn fleet(change: &'static str, says: &'static str) -> Rule {
    Rule { kind: Kind::Fleet, on: On::Create, change, says }
}

pub(crate) const RULES: &[Rule] = &[
    fleet(
        r#"{"metadata": {"name": "stations-of-the-northern-and-southern-sea"}}"#,
        "metadata.name must have at most 40 characters: labels of nodes and names of DaemonSets carry it with a revision behind it",
    ),
    fleet(
        r#"{"metadata": {"name": "9stations.example"}}"#,
        "metadata.name must begin with a letter and hold only a-z, 0-9 and -: the fleet's Service has this name",
    ),
    fleet(
        r#"{"spec": {"nodeSelector": {"matchLabels": {"station": null}, "matchExpressions": []}}}"#,
        "an empty selector would mean every node: name at least one label in matchLabels or matchExpressions",
    ),
    fleet(
        r#"{"spec": {"nodeSelector": {"matchExpressions": [{"key": "zone", "operator": "Exists", "values": ["lga03"]}]}}}"#,
        "operators In and NotIn need values, Exists and DoesNotExist must have none",
    ),
    fleet(
        r#"{"spec": {"nodeSelector": {"matchExpressions": [{"key": "zone", "operator": "NotIn"}]}}}"#,
        "operators In and NotIn need values, Exists and DoesNotExist must have none",
    ),
    fleet(
        r#"{"spec": {"nodeSelector": {"matchLabels": {"station.trigpoint.node-restriction.kubernetes.io/revision": "stations-0a1b2c3d4e"}}}}"#,
        "nodeSelector must not use the label that the operator sets on nodes itself; choose nodes by a label of your own",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"metadata": {"labels": {"app": "stations"}}}}}}"#,
        "podOverrides must not set metadata.labels: the operator finds pods by their labels",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"nodeSelector": {"disk": "fast"}}}}}}"#,
        "podOverrides must not set spec.nodeSelector: the operator chooses the nodes; use spec.nodeSelector",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"affinity": {"nodeAffinity": {}}}}}}}"#,
        "podOverrides must not set spec.affinity: the operator chooses the nodes; use spec.nodeSelector",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"nodeName": "node-1"}}}}}"#,
        "podOverrides must not set spec.nodeName: the operator chooses the nodes; use spec.nodeSelector",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"serviceAccountName": "admin"}}}}}"#,
        "podOverrides must not set spec.serviceAccountName: stations have an account of their own, without rights",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"serviceAccount": "admin"}}}}}"#,
        "podOverrides must not set spec.serviceAccount: stations have an account of their own, without rights",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"terminationGracePeriodSeconds": 5}}}}}"#,
        "podOverrides must not set spec.terminationGracePeriodSeconds: it is the sum of spec.drain; change that",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"restartPolicy": "Never"}}}}}"#,
        "podOverrides must not set spec.restartPolicy: pods of a DaemonSet always restart",
    ),
    fleet(
        r#"{"spec": {"template": {"podOverrides": {"spec": {"hostNetwork": true}}}}}"#,
        "podOverrides must not set spec.hostNetwork: use network.profile host",
    ),
    fleet(
        r#"{"spec": {"network": {"profile": "host", "service": null}}}"#,
        "profile host serves on the node's own ports 8080 and 8443: leave out network.ports",
    ),
    fleet(
        r#"{"spec": {"network": {"profile": "hostPort"}}}"#,
        "network.service belongs to profile service: leave it out with profiles hostPort and host",
    ),
    fleet(
        r#"{"spec": {"network": {"ports": {"ndt7": 443}}}}"#,
        "ports.ndt7 and ports.ndt7Tls must differ",
    ),
    Rule {
        kind: Kind::Fleet,
        on: On::Update,
        change: r#"{"spec": {"network": {"profile": "hostPort", "service": null}}}"#,
        says: "network.profile cannot be changed: make another fleet with the new profile, and delete this one when the other one is ready",
    },
    fleet(
        r#"{"spec": {"spool": {"hostPath": "/var/lib/trigpoint"}}}"#,
        "spool.hostPath needs network.profile hostPort or host: Pod Security restricted, in which profile service runs, refuses host paths",
    ),
    fleet(
        r#"{"spec": {"drain": {"lameDuck": "10m", "flush": "5m"}}}"#,
        "drain.lameDuck, drain.maxTest and drain.flush must be at most 15m together: that is how long a node is without a station, at worst",
    ),
    fleet(
        r#"{"spec": {"drain": {"maxTest": "500ms"}}}"#,
        "drain.maxTest must be at least 1s: shorter than a test, and every release would cut one off",
    ),
    fleet(
        r#"{"spec": {"drain": {"flush": "0s"}}}"#,
        "drain.flush must be at least 1s: rows that the collector does not have by then are lost",
    ),
    fleet(
        r#"{"spec": {"rollout": {"nodeDeadline": "10s"}}}"#,
        "rollout.nodeDeadline must be longer than rollout.minReady: a new station has to be ready for so long within it",
    ),
    fleet(
        r#"{"spec": {"qualification": {"recheck": "30s"}}}"#,
        "qualification.recheck must be at least 1m: each check runs a pod on the node",
    ),
    fleet(
        r#"{"spec": {"qualification": {"probeTimeout": "1s"}}}"#,
        "qualification.probeTimeout must be at least 5s: the image has to be fetched in it",
    ),
    fleet(
        r#"{"spec": {"rollout": {"waves": [{"name": "canary"}, {"name": "all", "percent": 100}]}}}"#,
        "each wave needs either percent or nodes, not both",
    ),
    fleet(
        r#"{"spec": {"rollout": {"waves": [{"name": "all", "percent": 100, "nodes": {"matchLabels": {"canary": "true"}}}]}}}"#,
        "each wave needs either percent or nodes, not both",
    ),
    fleet(
        r#"{"spec": {"rollout": {"waves": [{"name": "half", "percent": 50}, {"name": "tenth", "percent": 10}, {"name": "all", "percent": 100}]}}}"#,
        "percent of a wave counts the nodes of all waves before it too, so it must not fall from one wave to the next",
    ),
    fleet(
        r#"{"spec": {"rollout": {"waves": [{"name": "half", "percent": 50}]}}}"#,
        "the last wave must have percent: 100, or some nodes would never get the new revision",
    ),
    fleet(
        r#"{"spec": {"rollout": {"windows": [{"days": ["Mon"], "start": "02:00", "end": "02:00"}]}}}"#,
        "start and end of a window must differ; for whole days write 00:00 and 24:00",
    ),
    fleet(
        r#"{"spec": {"gates": null}}"#,
        "a wave names a gate that spec.gates does not have: add the gate there or take its name out of the wave",
    ),
    fleet(
        r#"{"spec": {"gates": [{"name": "throughput", "metric": "UploadThroughput", "limit": 5}, {"name": "failures", "metric": "FailedTestsPerThousand", "limit": 5}]}}"#,
        "DownloadThroughput, UploadThroughput, MinRoundTripTime and SnapshotsPerSecond are compared with a baseline and need marginPercent; the other metrics need limit; not both",
    ),
    fleet(
        r#"{"spec": {"gates": [{"name": "throughput", "metric": "SpoolAgeSeconds", "marginPercent": 5}, {"name": "failures", "metric": "FailedTestsPerThousand", "limit": 5}]}}"#,
        "DownloadThroughput, UploadThroughput, MinRoundTripTime and SnapshotsPerSecond are compared with a baseline and need marginPercent; the other metrics need limit; not both",
    ),
    fleet(
        r#"{"spec": {"gates": [{"name": "throughput", "metric": "SpoolAgeSeconds", "limit": 30, "interval": "1s"}, {"name": "failures", "metric": "FailedTestsPerThousand", "limit": 5}]}}"#,
        "interval of a gate must be at least 10s: each asking is a query over the tables",
    ),
    fleet(
        r#"{"spec": {"gates": [{"name": "throughput", "metric": "SpoolAgeSeconds", "limit": 30, "interval": "10m", "window": "5m"}, {"name": "failures", "metric": "FailedTestsPerThousand", "limit": 5}]}}"#,
        "window of a gate must be at least its interval, or rows would go unseen",
    ),
    Rule {
        kind: Kind::Node,
        on: On::Create,
        change: r#"{"spec": {"nodeName": "node-2"}}"#,
        says: "a MeasurementNode has the name of its node",
    },
    Rule {
        kind: Kind::Node,
        on: On::Update,
        change: r#"{"spec": {"fleet": "others"}}"#,
        says: "spec.fleet cannot be changed: the object goes with its fleet, and the node's next fleet makes its own",
    },
];

/// `change` applied to `object` (RFC 7386).
pub(crate) fn merge(object: &Value, change: &Value) -> Value {
    let Value::Object(changes) = change else { return change.clone() };
    let mut merged = object.as_object().cloned().unwrap_or_default();
    for (name, change) in changes {
        if change.is_null() {
            merged.remove(name);
        } else {
            let changed = merge(merged.get(name).unwrap_or(&Value::Null), change);
            merged.insert(name.clone(), changed);
        }
    }
    Value::Object(merged)
}
