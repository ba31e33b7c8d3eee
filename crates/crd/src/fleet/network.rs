//! How clients reach a station.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bounds;

/// How clients reach a station, with their own address in every profile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.profile != 'host' || !has(self.ports)",
    "profile host serves on the node's own ports 8080 and 8443: leave out network.ports",
))]
#[x_kube(validation = (
    "self.profile == 'service' || !has(self.service)",
    "network.service belongs to profile service: leave it out with profiles hostPort and host",
))]
pub struct Network {
    /// service: a Service leads to the pods, which fit Pod Security restricted. hostPort: ports of the node lead to the pod. host: the pod uses the node's network. The last two need a namespace with Pod Security privileged.
    #[x_kube(validation = (
        "self == oldSelf",
        "network.profile cannot be changed: make another fleet with the new profile, and delete this one when the other one is ready",
    ))]
    pub profile: Profile,
    /// The Service of profile service; a NodePort if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceExposure>,
    /// Ports at which clients come in. If absent: 80 and 443 of a load balancer or of profile hostPort, and two of the cluster's choice for a NodePort. The programs listen on 8080 and 8443 in every profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<Ports>,
    /// Secret (kubernetes.io/tls) in the fleet's namespace with the certificate for wss. Without one a station makes its own, which browsers refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::object_name")]
    pub tls_secret_name: Option<String>,
    /// Families over which clients come: IPv4, IPv6 or both; the cluster's own if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub ip_families: Vec<IpFamily>,
}

/// How clients reach a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// Through a Service whose traffic stays on the node that it came to.
    Service,
    /// Through ports of the node.
    HostPort,
    /// On the node's own network.
    Host,
}

/// The Service of a fleet; its externalTrafficPolicy is always Local, so that the client's address survives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceExposure {
    /// NodePort or LoadBalancer.
    #[serde(rename = "type", default)]
    pub type_: ServiceType,
    /// Annotations of the Service, which load balancers are set up by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounds::annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// Type of a fleet's Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// A port of each node.
    #[default]
    NodePort,
    /// An address of its own.
    LoadBalancer,
}

/// Ports at which clients come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.ndt7 != self.ndt7Tls",
    "ports.ndt7 and ports.ndt7Tls must differ",
))]
pub struct Ports {
    /// ndt7 over ws.
    #[schemars(range(min = 1, max = 65535))]
    pub ndt7: i32,
    /// ndt7 over wss.
    #[schemars(range(min = 1, max = 65535))]
    pub ndt7_tls: i32,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}
