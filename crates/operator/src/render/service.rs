//! The Service of a fleet of profile `service`.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt as _;
use trigpoint_crd::MeasurementFleet;
use trigpoint_crd::fleet::{IpFamily, Profile, ServiceType};

use super::{WS_PORT, WSS_PORT, metadata};
use crate::names;

pub(crate) fn service(fleet: &MeasurementFleet) -> Option<Service> {
    let network = &fleet.spec.network;
    if network.profile != Profile::Service {
        return None;
    }
    let name = fleet.name_any();
    let exposure = network.service.as_ref();
    let kind = exposure.map(|exposure| exposure.type_).unwrap_or_default();
    let mut metadata = metadata(fleet, name.clone(), names::STATION);
    metadata.annotations = exposure
        .map(|exposure| exposure.annotations.clone())
        .filter(|annotations| !annotations.is_empty());
    let ports = network.ports;
    let port = |name: &str, public: i32, given: Option<i32>, target: i32| ServicePort {
        name: Some(name.to_owned()),
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::Int(target)),
        port: if kind == ServiceType::LoadBalancer { given.unwrap_or(public) } else { public },
        node_port: if kind == ServiceType::NodePort { given } else { None },
        ..ServicePort::default()
    };
    let families: Vec<String> = network
        .ip_families
        .iter()
        .map(|family| match family {
            IpFamily::IPv4 => "IPv4".to_owned(),
            IpFamily::IPv6 => "IPv6".to_owned(),
        })
        .collect();
    let policy = match families.len() {
        0 => None,
        1 => Some("SingleStack"),
        _ => Some("RequireDualStack"),
    };
    Some(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(
                match kind {
                    ServiceType::NodePort => "NodePort",
                    ServiceType::LoadBalancer => "LoadBalancer",
                }
                .to_owned(),
            ),
            // The client's address survives, and a test stays on the node that it
            // came to.
            external_traffic_policy: Some("Local".to_owned()),
            selector: Some(BTreeMap::from([
                (names::FLEET.to_owned(), name),
                (names::COMPONENT.to_owned(), names::STATION.to_owned()),
            ])),
            ports: Some(vec![
                port("ndt7", 80, ports.map(|ports| ports.ndt7), WS_PORT),
                port("ndt7-tls", 443, ports.map(|ports| ports.ndt7_tls), WSS_PORT),
            ]),
            ip_families: (!families.is_empty()).then_some(families),
            ip_family_policy: policy.map(str::to_owned),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}
