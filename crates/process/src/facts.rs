//! What a station finds on the node that it is to run on, for the operator that
//! decides whether the node qualifies: the `Facts` of `trigpoint.dev/v1alpha1`.
//!
//! A pod without privilege cannot know everything. What it cannot is absent, never
//! 0 or false: offloads and the kubelet's CPU manager always are, speed and driver
//! of the link where the pod has a network of its own.

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use crate::host::{self, Host, Link};

mod reach;
mod time_server;

/// Bounds of texts in the definition of `MeasurementNode`, in characters.
const LONG: usize = 128;
const SHORT: usize = 32;
/// Congestion controls that the definition has room for.
const CONGESTION_CONTROLS: usize = 32;

/// Whom to ask about the world outside.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// `HOST:PORT` of servers that the node must reach over TCP: the collector, and
    /// peers beyond the cluster.
    pub peers: Vec<String>,
    /// `HOST` or `HOST:PORT` of an NTP server.
    pub time_server: Option<String>,
}

/// What is known of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    #[serde(skip_serializing_if = "String::is_empty")]
    kernel: String,
    arch: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    virtualization: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    congestion_controls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_micros: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_mbps: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<String>,
    measured_at: String,
}

impl Facts {
    /// Looks at this machine, and asks outside; within some seconds.
    pub async fn gather(outside: &Outside) -> Self {
        let (families, clock_offset_micros) = tokio::join!(
            reach::families(&outside.peers),
            time_server::offset_micros(outside.time_server.as_deref())
        );
        let host = Host::read();
        let link = Link::toward_internet().unwrap_or_default();
        let mut congestion_controls = host::congestion_controls();
        congestion_controls.truncate(CONGESTION_CONTROLS);
        Self {
            kernel: bounded(&host.kernel_release, LONG),
            arch: architecture(),
            cpu_model: host::processor_model().map(|model| bounded(&model, LONG)),
            virtualization: host.virtualisation.map(|kind| bounded(&kind, SHORT)),
            congestion_controls,
            clock_offset_micros,
            clock_source: clock_source(),
            ipv4: families.v4,
            ipv6: families.v6,
            link_mbps: link.mbps,
            mtu: link.mtu,
            driver: link.driver.map(|driver| bounded(&driver, SHORT)),
            measured_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        }
    }
}

/// As Kubernetes says it, which is how Go does.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What the kernel counts time with: `tsc`, `kvm-clock`.
fn clock_source() -> Option<String> {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    std::fs::read_to_string(path).ok().map(|name| bounded(name.trim(), SHORT))
}

/// No more than `characters`, and none that JSON would write as six.
fn bounded(text: &str, characters: usize) -> String {
    text.chars().filter(|character| !character.is_control()).take(characters).collect()
}

#[cfg(test)]
mod tests {
    use trigpoint_crd::node::Facts as Defined;

    use super::*;

    #[tokio::test]
    async fn every_fact_is_one_of_the_definitions_and_what_this_machine_says() {
        let told = Facts::gather(&Outside::default()).await;
        let told = serde_json::to_value(told).unwrap();
        let read: Defined = serde_json::from_value(told.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), told, "a fact was not understood");
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(read.kernel.as_deref(), Some(kernel.trim()));
        assert!(!read.congestion_controls.is_empty());
        assert_eq!(read.clock_offset_micros, None, "nobody was asked");
    }

    #[test]
    fn the_longest_facts_fit_a_termination_message() {
        let text = |characters| "\u{1f600}".repeat(characters);
        let facts = Facts {
            kernel: text(LONG),
            arch: architecture(),
            cpu_model: Some(text(LONG)),
            virtualization: Some(text(SHORT)),
            congestion_controls: vec!["x".repeat(15); CONGESTION_CONTROLS],
            clock_offset_micros: Some(i64::MIN),
            clock_source: Some(text(SHORT)),
            ipv4: Some(false),
            ipv6: Some(false),
            link_mbps: Some(i64::MIN),
            mtu: Some(i64::MIN),
            driver: Some(text(SHORT)),
            measured_at: "2026-11-27T09:00:00Z".to_owned(),
        };
        let length = serde_json::to_string(&facts).unwrap().len();
        assert!(length < crate::termination::MAX_BYTES, "{length}");
        assert_eq!(bounded("a\0b\nc", 2), "ab");
    }
}
