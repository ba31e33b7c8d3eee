//! What the operator's records say of a station.
//!
//! A node is given another revision only when the pod of the last one is gone, so
//! that what its record says when a pod opens a stream is true for that pod. Which
//! revision is the stable one changes while pods live, and is looked at again.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::warn;
use trigpoint_crd::{MeasurementFleet, MeasurementNode};

use crate::Bearer;

/// How long a promotion may go unnoticed.
const AGAIN: Duration = Duration::from_secs(30);
/// A question that takes longer is given up.
const WITHIN: Duration = Duration::from_secs(5);

/// What the operator assigned to a pod's node.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// Name of the revision.
    pub revision: String,
    fleet: Fleet,
    stable: Stable,
}

impl Assignment {
    /// `stable` or `canary`, as of now; `None` while the fleet has no stable revision
    /// or the operator has not said so.
    pub fn arm(&self) -> Option<&'static str> {
        let stable = self.stable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_stable = *stable.get(&self.fleet)? == self.revision;
        Some(if is_stable { "stable" } else { "canary" })
    }
}

/// Namespace and name.
type Fleet = (String, String);
/// The stable revision of each fleet that has one.
type Stable = Arc<Mutex<HashMap<Fleet, String>>>;

/// The records of the operator.
pub(crate) struct Records {
    client: Client,
    stable: Stable,
    following: JoinHandle<()>,
}

impl Records {
    pub(crate) fn start(client: Client, namespaces: BTreeSet<String>) -> Self {
        let stable = Stable::default();
        let following = tokio::spawn(follow(client.clone(), namespaces, Arc::clone(&stable)));
        Self { client, stable, following }
    }

    pub(crate) async fn assignment(&self, bearer: &Bearer) -> Option<Assignment> {
        let records: Api<MeasurementNode> = Api::namespaced(self.client.clone(), &bearer.namespace);
        let record = match timeout(WITHIN, records.get_opt(&bearer.node)).await {
            Ok(Ok(record)) => record?,
            Ok(Err(error)) => {
                warn!(node = bearer.node, %error, "the operator's record of a node cannot be read");
                return None;
            }
            Err(_) => {
                warn!(node = bearer.node, "the operator's record of a node was not read in time");
                return None;
            }
        };
        Some(Assignment {
            revision: record.spec.assigned_revision?,
            fleet: (bearer.namespace.clone(), record.spec.fleet),
            stable: Arc::clone(&self.stable),
        })
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Records").field("stable", &self.stable).finish_non_exhaustive()
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.following.abort();
    }
}

/// Looks for the stable revision of each fleet, for ever.
async fn follow(client: Client, namespaces: BTreeSet<String>, stable: Stable) {
    let mut again = interval(AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_told = false;
    loop {
        again.tick().await;
        for namespace in &namespaces {
            let fleets: Api<MeasurementFleet> = Api::namespaced(client.clone(), namespace);
            // Whatever the server has in memory is new enough.
            let parameters = ListParams::default().match_any();
            let error = match timeout(WITHIN, fleets.list(&parameters)).await {
                Ok(Ok(listed)) => {
                    is_told = false;
                    keep(&stable, namespace, listed.items);
                    continue;
                }
                Ok(Err(error)) => error.to_string(),
                Err(_) => format!("no answer within {} s", WITHIN.as_secs()),
            };
            if !std::mem::replace(&mut is_told, true) {
                warn!(namespace, error, "fleets cannot be read: rows get no new arm");
            }
        }
    }
}

/// A status may be wiped for a moment: what was stable then still is.
fn keep(stable: &Stable, namespace: &str, fleets: Vec<MeasurementFleet>) {
    let mut stable = stable.lock().unwrap_or_else(PoisonError::into_inner);
    for fleet in fleets {
        if let Some(revision) = fleet.status.as_ref().and_then(|s| s.stable_revision.clone()) {
            stable.insert((namespace.to_owned(), fleet.name_any()), revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    fn fleet(stable: Option<&str>) -> Value {
        json!({
            "metadata": {"name": "edge", "namespace": "stations"},
            "spec": {
                "nodeSelector": {"matchLabels": {"trigpoint.dev/station": "true"}},
                "template": {"image": "trigpoint:1"},
                "network": {"profile": "service"},
                "drain": {"lameDuck": "35s", "maxTest": "15s", "flush": "60s"},
                "rollout": {"waves": [{"name": "everywhere", "percent": 100}]},
            },
            "status": stable.map(|stable| json!({"stableRevision": stable})),
        })
    }

    fn node() -> Value {
        json!({
            "metadata": {"name": "node-1", "namespace": "stations"},
            "spec": {
                "nodeName": "node-1", "nodeUid": "6f3c", "fleet": "edge",
                "assignedRevision": "edge-0123456789",
            },
        })
    }

    fn not_found() -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
            "reason": "NotFound", "message": "there is none",
        })
    }

    /// The records of an API server with one node and one fleet, whose stable
    /// revision is as it is told.
    fn records(stable: &Arc<Mutex<Option<&'static str>>>) -> Records {
        let stable = Arc::clone(stable);
        let service = tower::service_fn(move |request: Request<Body>| {
            let of = "/apis/trigpoint.dev/v1alpha1/namespaces/stations";
            let (status, answer) = match request.uri().path().strip_prefix(of) {
                Some("/measurementnodes/node-1") => (200_u16, node()),
                Some("/measurementfleets") => {
                    let fleet = fleet(*stable.lock().unwrap());
                    (200, json!({"metadata": {}, "items": [fleet]}))
                }
                _ => (404, not_found()),
            };
            let body = Body::from(answer.to_string().into_bytes());
            let answer = Response::builder().status(status).body(body).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        let client = Client::new(service, "default");
        Records::start(client, BTreeSet::from(["stations".to_owned()]))
    }

    fn bearer(node: &str) -> Bearer {
        Bearer {
            account: "system:serviceaccount:stations:station".to_owned(),
            namespace: "stations".to_owned(),
            pod: "edge-0123456789-x7k2p".to_owned(),
            node: node.to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_canary_becomes_stable_while_its_pod_lives() {
        let stable = Arc::new(Mutex::new(None));
        let records = records(&stable);
        let assignment = records.assignment(&bearer("node-1")).await.unwrap();
        assert_eq!(assignment.revision, "edge-0123456789");
        assert_eq!(assignment.arm(), None, "the operator has not said");
        for (now, arm) in [
            (Some("edge-9876543210"), "canary"),
            // A status that was wiped says nothing new.
            (None, "canary"),
            (Some("edge-0123456789"), "stable"),
        ] {
            *stable.lock().unwrap() = now;
            tokio::time::sleep(2 * AGAIN).await;
            assert_eq!(assignment.arm(), Some(arm));
        }
    }

    #[tokio::test]
    async fn a_node_without_a_record_has_no_assignment() {
        assert!(records(&Arc::default()).assignment(&bearer("node-2")).await.is_none());
    }
}
