//! What a station runs.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use kube::core::{Rule, validate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bounds;

/// One image with both programs, and what each of them is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct StationTemplate {
    /// Image of both containers, by digest if nodes are to run the same bytes (`name@sha256:…`).
    #[schemars(length(min = 1, max = 512), regex(pattern = r"^\S+$"))]
    pub image: String,
    /// When nodes fetch the image: Always, IfNotPresent or Never.
    #[serde(default)]
    pub image_pull_policy: ImagePullPolicy,
    /// Container that serves tests and reads TCP_INFO.
    #[serde(default = "ContainerTemplate::server")]
    pub server: ContainerTemplate,
    /// Container that traces the paths to clients.
    #[serde(default = "ContainerTemplate::traceroute")]
    pub traceroute: ContainerTemplate,
    /// Changes to the pod that are merged over what the operator makes (strategic merge patch of a PodTemplateSpec), for tolerations, volumes or pull secrets. What would take the pod out of the operator's hands is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "pod_overrides")]
    pub pod_overrides: Option<Value>,
}

/// When a node fetches the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// Before each start.
    Always,
    /// If the node does not have it.
    #[default]
    IfNotPresent,
    /// Not at all; the image was brought to the node otherwise.
    Never,
}

/// What one container is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerTemplate {
    /// Further arguments of the program, behind those that the operator sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = 1024)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub args: Vec<String>,
    /// Further environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub env: Vec<Variable>,
    /// Processors, whole or in thousandths (`500m`). Request and limit are the same, so that the pod is Guaranteed; a whole number is pinned where the kubelet's CPU manager is static.
    #[schemars(schema_with = "bounds::processors")]
    pub cpu: IntOrString,
    /// Memory, such as `512Mi`. Request and limit are the same.
    #[schemars(schema_with = "bounds::bytes")]
    pub memory: String,
    /// How much the program says: Error, Warn, Info, Debug or Trace.
    #[serde(default)]
    pub verbosity: Verbosity,
}

impl ContainerTemplate {
    fn of(cpu: IntOrString, memory: &str) -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            cpu,
            memory: memory.to_owned(),
            verbosity: Verbosity::default(),
        }
    }

    /// One processor: a test at 10 Gbit/s needs most of it.
    fn server() -> Self {
        Self::of(IntOrString::Int(1), "512Mi")
    }

    fn traceroute() -> Self {
        Self::of(IntOrString::String("250m".to_owned()), "256Mi")
    }
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Variable {
    /// Name of the variable.
    #[schemars(length(max = 128), regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: String,
    /// Its value.
    #[schemars(length(max = 4096))]
    pub value: String,
}

/// How much a program says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verbosity {
    /// What failed.
    Error,
    /// And what a person should look at.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And each step.
    Trace,
}

/// Fields of the pod that `podOverrides` may not set, each with the reason.
///
/// CEL sees only declared properties of an object without a schema, so each of
/// them is declared, with its type, to be refused.
const REFUSED: &[(&str, &str, &str)] = &[
    ("nodeSelector", "object", "the operator chooses the nodes; use spec.nodeSelector"),
    ("affinity", "object", "the operator chooses the nodes; use spec.nodeSelector"),
    ("nodeName", "string", "the operator chooses the nodes; use spec.nodeSelector"),
    ("serviceAccountName", "string", "stations have an account of their own, without rights"),
    ("serviceAccount", "string", "stations have an account of their own, without rights"),
    ("terminationGracePeriodSeconds", "integer", "it is the sum of spec.drain; change that"),
    ("restartPolicy", "string", "pods of a DaemonSet always restart"),
    ("hostNetwork", "boolean", "use network.profile host"),
];

fn pod_overrides(_: &mut SchemaGenerator) -> Schema {
    let refused: serde_json::Map<String, Value> = REFUSED
        .iter()
        .map(|(field, kind, reason)| {
            let mut property =
                json_schema!({ "type": kind, "description": format!("Refused: {reason}.") });
            match *kind {
                "object" => {
                    property.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
                }
                "string" => {
                    property.insert("maxLength".into(), 253.into());
                }
                _ => {}
            }
            ((*field).to_owned(), property.to_value())
        })
        .collect();
    let mut schema = json_schema!({
        "type": "object",
        "properties": {
            "metadata": {
                "type": "object",
                "description": "Annotations of the pod.",
                "properties": {
                    "annotations": {
                        "type": "object",
                        "description": "Annotations that the pod gets.",
                        "maxProperties": 32,
                        "additionalProperties": { "type": "string", "maxLength": 4096 },
                    },
                    "labels": {
                        "type": "object",
                        "description": "Refused: the operator finds pods by their labels.",
                        "maxProperties": 32,
                        "additionalProperties": { "type": "string", "maxLength": 63 },
                    },
                },
            },
            "spec": {
                "type": "object",
                "description": "Fields of the pod's PodSpec.",
                "x-kubernetes-preserve-unknown-fields": true,
                "properties": refused,
            },
        },
    });
    let labels = Rule::new("!has(self.metadata) || !has(self.metadata.labels)").message(
        "podOverrides must not set metadata.labels: the operator finds pods by their labels",
    );
    let fields = REFUSED.iter().map(|(field, _, reason)| {
        Rule::new(format!("!has(self.spec) || !has(self.spec.{field})"))
            .message(format!("podOverrides must not set spec.{field}: {reason}").as_str())
    });
    for rule in std::iter::once(labels).chain(fields) {
        validate(&mut schema, rule).expect("a rule is JSON");
    }
    schema
}
