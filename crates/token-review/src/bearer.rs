//! What a TokenReview says, read.

use std::collections::BTreeSet;

use k8s_openapi::api::authentication::v1::{TokenReviewStatus, UserInfo};

use crate::{Refusal, Settings};

const ACCOUNT: &str = "system:serviceaccount:";
/// Claims of a token that is bound to a pod (Kubernetes 1.32, `ServiceAccountTokenPodNodeInfo`).
const POD: &str = "authentication.kubernetes.io/pod-name";
const NODE: &str = "authentication.kubernetes.io/node-name";

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub account: String,
    /// Namespace of the account, and so of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the node that the pod is bound to.
    pub node: String,
}

impl Bearer {
    pub(crate) fn read(
        status: Option<TokenReviewStatus>,
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        let status = status.unwrap_or_default();
        let unknown = |reason: &str| Refusal::Unknown {
            audience: settings.audience.clone(),
            reason: reason.to_owned(),
        };
        if status.authenticated != Some(true) {
            return Err(unknown(status.error.as_deref().unwrap_or("it is not authenticated")));
        }
        // A server that knows nothing of audiences answers for its own.
        if !status.audiences.is_some_and(|audiences| audiences.contains(&settings.audience)) {
            return Err(unknown("it is for another audience"));
        }
        let user = status.user.unwrap_or_default();
        let account = user.username.clone().unwrap_or_default();
        let namespace = namespace(&account, &settings.namespaces)
            .ok_or_else(|| Refusal::Namespace { account: account.clone() })?
            .to_owned();
        let (Some(pod), Some(node)) = (claim(&user, POD), claim(&user, NODE)) else {
            return Err(Refusal::Unbound { account });
        };
        Ok(Self { account, namespace, pod, node })
    }
}

/// The namespace of an account, if it is one of those.
fn namespace<'a>(account: &'a str, namespaces: &BTreeSet<String>) -> Option<&'a str> {
    let (namespace, _) = account.strip_prefix(ACCOUNT)?.split_once(':')?;
    namespaces.contains(namespace).then_some(namespace)
}

fn claim(user: &UserInfo, name: &str) -> Option<String> {
    user.extra.as_ref()?.get(name)?.first().cloned()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn settings() -> Settings {
        Settings {
            audience: "trigpoint-collector".to_owned(),
            namespaces: BTreeSet::from(["stations".to_owned()]),
        }
    }

    /// As a Kubernetes 1.34 API server answers for a token that is bound to a pod.
    pub(crate) fn status() -> Value {
        json!({
            "authenticated": true,
            "audiences": ["trigpoint-collector"],
            "user": {
                "username": "system:serviceaccount:stations:station",
                "uid": "2b1e",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:stations"],
                "extra": {
                    "authentication.kubernetes.io/credential-id": ["JTI=7e0c"],
                    "authentication.kubernetes.io/node-name": ["node-1"],
                    "authentication.kubernetes.io/node-uid": ["41f0"],
                    "authentication.kubernetes.io/pod-name": ["station-x7k2p"],
                    "authentication.kubernetes.io/pod-uid": ["9d3a"],
                },
            },
        })
    }

    fn read(change: impl FnOnce(&mut Value)) -> Result<Bearer, Refusal> {
        let mut status = status();
        change(&mut status);
        Bearer::read(serde_json::from_value(status).unwrap(), &settings())
    }

    #[test]
    fn account_pod_and_node_come_from_the_review() {
        let expected = Bearer {
            account: "system:serviceaccount:stations:station".to_owned(),
            namespace: "stations".to_owned(),
            pod: "station-x7k2p".to_owned(),
            node: "node-1".to_owned(),
        };
        assert_eq!(read(|_| ()), Ok(expected));
    }

    #[test]
    fn what_is_no_token_of_a_stations_pod_is_refused() {
        let unknown = read(|status| {
            *status = json!({"authenticated": false, "error": "token has expired"});
        });
        assert!(unknown.unwrap_err().to_string().contains("token has expired"));
        for audiences in [json!([]), json!(["https://kubernetes.default.svc"]), Value::Null] {
            let other = read(|status| status["audiences"] = audiences);
            assert!(matches!(other, Err(Refusal::Unknown { .. })), "{other:?}");
        }
        for account in [
            "system:serviceaccount:default:station",
            "system:serviceaccount:stations-2:station",
            "system:node:node-1",
            "stations",
        ] {
            let elsewhere = read(|status| status["user"]["username"] = json!(account));
            assert_eq!(elsewhere, Err(Refusal::Namespace { account: account.to_owned() }));
        }
        for claim in [POD, NODE] {
            let unbound = read(|status| {
                status["user"]["extra"].as_object_mut().unwrap().remove(claim);
            });
            assert!(matches!(unbound, Err(Refusal::Unbound { .. })), "{unbound:?}");
        }
        assert!(matches!(Bearer::read(None, &settings()), Err(Refusal::Unknown { .. })));
    }
}
