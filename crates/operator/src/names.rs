//! Names that the operator gives: labels, annotations, the finalizer.

use trigpoint_rollout::Revision;

/// Who writes, as the API server records it beside each field.
pub(crate) const FIELD_MANAGER: &str = "trigpoint-operator";

/// Of every object of a fleet: its name.
pub(crate) const FLEET: &str = trigpoint_crd::FLEET_LABEL;

/// Of a pod and a DaemonSet: the name of the revision.
pub(crate) const REVISION: &str = "trigpoint.dev/revision";

/// What an object is for: [`STATION`], [`PROBE`], [`SELF_TEST`], [`SYNTHETIC_TEST`],
/// [`RECORD`].
pub(crate) const COMPONENT: &str = "app.kubernetes.io/component";
pub(crate) const STATION: &str = "station";
pub(crate) const PROBE: &str = "probe";
pub(crate) const SELF_TEST: &str = "self-test";
pub(crate) const SYNTHETIC_TEST: &str = "synthetic-test";
/// Of a revision.  No DaemonSet's selector matches it: its controller would adopt
/// and prune a ControllerRevision with the labels of its pods.
pub(crate) const RECORD: &str = "revision-record";
pub(crate) const LEDGER: &str = "ledger";

pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
pub(crate) const OPERATOR: &str = "trigpoint-operator";

/// Annotation of a probe and a self-test: the name of the node that they are about,
/// which may be too long for a label.
pub(crate) const NODE: &str = "trigpoint.dev/node";
/// Annotation of both: that node's uid.
pub(crate) const NODE_UID: &str = "trigpoint.dev/node-uid";
/// Label of both kinds of tests: the uid of the pod that it tests.
pub(crate) const TESTED_POD: &str = "trigpoint.dev/tested-pod";

/// Annotation of both: the token that it shows to the station.
pub(crate) const SYNTHETIC_TOKEN: &str = "trigpoint.dev/synthetic-token";
/// Annotation of a synthetic test: which it is, and what was moved before it.
pub(crate) const SYNTHETIC_ACCOUNT: &str = "trigpoint.dev/synthetic-account";

/// Annotation of a revision: when it became the stable one.
pub(crate) const PROMOTED_AT: &str = "trigpoint.dev/promoted-at";

/// Annotation of a DaemonSet: its generation as the operator last made it again.
pub(crate) const GENERATION: &str = "trigpoint.dev/known-generation";

/// Label of a node that an administrator may set, since a restricted pod cannot
/// know it: megabits per second of the fastest link.
pub(crate) const LINK_MBPS: &str = "trigpoint.dev/link-mbps";
/// As [`LINK_MBPS`]: the policy of the kubelet's CPU manager.
pub(crate) const CPU_MANAGER_POLICY: &str = "trigpoint.dev/cpu-manager-policy";

/// Holds a fleet until no node carries its label any more.
pub(crate) const FINALIZER: &str = "trigpoint.dev/node-labels";

/// The ConfigMap with the ledger of a fleet.
pub(crate) fn ledger(fleet: &str) -> String {
    format!("{fleet}-ledger")
}

/// The pod that probes a node for a revision: one name, so that two cannot be.
pub(crate) fn probe(revision: &Revision, node_uid: &str) -> String {
    format!("{revision}-probe-{}", digest(node_uid))
}

/// The pod that tests a station through the public path.
pub(crate) fn self_test(revision: &Revision, pod_uid: &str) -> String {
    format!("{revision}-self-test-{}", digest(pod_uid))
}

/// The synthetic test of that number: one name, so that two cannot be.
pub(crate) fn synthetic_test(fleet: &str, number: u64) -> String {
    format!("{fleet}-synthetic-test-{number}")
}

/// Ten hexadecimal digits that stand for a text.
pub(crate) fn digest(text: &str) -> String {
    use sha1::Digest as _;
    use std::fmt::Write as _;
    sha1::Sha1::digest(text.as_bytes()).iter().take(5).fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_where_they_are_used() {
        let fleet = "f".repeat(40);
        let revision = Revision::new(format!("{fleet}-0123456789"));
        // A label's value has at most 63 characters, and so has a host name, which
        // a longer pod name is cut to.
        assert!(revision.as_str().len() <= 63);
        let names = [
            probe(&revision, "uid"),
            self_test(&revision, "uid"),
            synthetic_test(&fleet, u64::MAX),
            ledger(&fleet),
        ];
        for name in names {
            assert!(name.len() <= 253, "{name}");
        }
        assert_eq!(digest("abc"), "a9993e3647");
    }
}
