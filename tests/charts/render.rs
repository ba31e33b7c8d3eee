//! Helm, and what it makes of the chart.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use trigpoint_testkit::{Directory, Finished, run};

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
pub(crate) const RELEASE: &str = "trigpoint";
pub(crate) const NAMESPACE: &str = "trigpoint";
/// What Helm is to take the cluster for: Helm 3, built from source, knows only 1.20.
const KUBERNETES: &str = "1.34.4";
/// Of the schemas: the oldest that the chart claims, the one that its cluster runs,
/// and the newest that there is.
const SCHEMAS: [&str; 3] = ["1.32", "1.34", "1.37"];
const DEADLINE: Duration = Duration::from_mins(1);

/// Kinds that a cluster with the Prometheus operator has.
const MONITORING: [&str; 3] = ["ServiceMonitor", "PodMonitor", "PrometheusRule"];

/// A release of Helm's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helm {
    Three,
    Four,
}

impl Helm {
    pub(crate) const BOTH: [Self; 2] = [Self::Three, Self::Four];

    /// Helm, to be given further arguments.
    fn command(self, subcommand: &[&str]) -> Command {
        let name = match self {
            Self::Three => "helm3",
            Self::Four => "helm",
        };
        let mut command = Command::new(PathBuf::from(variable("KUBERNETES_BIN")).join(name));
        command.current_dir(ROOT).args(subcommand);
        command
    }

    /// `helm lint --strict` with these values.
    pub(crate) fn lint(self, values: &Path) -> Finished {
        let mut command = self.command(&["lint", "--strict", "--kube-version", KUBERNETES]);
        run(command.arg("charts/trigpoint").arg("--values").arg(values), DEADLINE)
    }

    /// `helm install`, without a cluster.
    pub(crate) fn install(self, values: &Path) -> Finished {
        let mut command = self.command(&["install", RELEASE, "charts/trigpoint"]);
        command.args(["--namespace", NAMESPACE, "--dry-run=client"]);
        run(command.arg("--values").arg(values), DEADLINE)
    }

    /// `helm template` with these values, for a cluster with or without the kinds of
    /// the Prometheus operator.
    pub(crate) fn template(self, values: &Path, is_monitored: bool) -> Finished {
        let mut command = self.command(&["template", RELEASE, "charts/trigpoint"]);
        command.args(["--namespace", NAMESPACE, "--kube-version", KUBERNETES]);
        command.arg("--values").arg(values);
        if is_monitored {
            for kind in MONITORING {
                command.arg(format!("--api-versions=monitoring.coreos.com/v1/{kind}"));
            }
        }
        run(&mut command, DEADLINE)
    }
}

/// The cases of the chart's `ci/`, by file.
pub(crate) fn cases() -> Vec<PathBuf> {
    let folder = Path::new(ROOT).join("charts/trigpoint/ci");
    let mut cases: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 6, "{cases:?}");
    cases
}

/// A case by its name.
pub(crate) fn case(name: &str) -> PathBuf {
    Path::new(ROOT).join(format!("charts/trigpoint/ci/{name}-values.yaml"))
}

/// The objects that Helm 4 makes of a case.
pub(crate) fn objects(case: &Path) -> Vec<Value> {
    let rendered = Helm::Four.template(case, true);
    read(&rendered.expect_code(0).stdout)
}

/// Documents in YAML, as they are.
pub(crate) fn read(yaml: &str) -> Vec<Value> {
    documents(yaml, &[])["objects"].as_array().unwrap().clone()
}

/// What Kubernetes' schemas say against documents in YAML.
pub(crate) fn faults(yaml: &str) -> Vec<Value> {
    documents(yaml, &SCHEMAS)["faults"].as_array().unwrap().clone()
}

fn documents(yaml: &str, versions: &[&str]) -> Value {
    let directory = Directory::new();
    let file = directory.join("documents.yaml");
    fs::write(&file, yaml).unwrap();
    let mut command = Command::new(variable("KUBERNETES_SCHEMAS_PYTHON"));
    command.arg(format!("{ROOT}/tests/charts/objects.py")).arg(&file).args(versions);
    serde_json::from_str(&run(&mut command, DEADLINE).expect_code(0).stdout).unwrap()
}

/// `kind/namespace/name`, for messages and comparisons.
pub(crate) fn identity(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [text(&object["kind"]), text(&metadata["namespace"]), text(&metadata["name"])].join("/")
}

/// What an object runs, if it runs something.
pub(crate) fn pod(object: &Value) -> Option<&Value> {
    match object["kind"].as_str() {
        Some("Pod") => Some(&object["spec"]),
        Some("Deployment" | "StatefulSet") => Some(&object["spec"]["template"]["spec"]),
        _ => None,
    }
}

fn variable(name: &str) -> OsString {
    std::env::var_os(name)
        .unwrap_or_else(|| panic!("{name} is not set: run this by `cargo xtask prove charts`"))
}
