//! What kubelets say of pods.

use serde_json::{Value, json};

/// What `trigpoint-station server --check-config` leaves behind.
const FACTS: &str = r#"{"kernel":"6.12.94","arch":"amd64","congestionControls":["bbr","cubic"],"virtualization":"kvm"}"#;

/// Now, as Kubernetes writes it.
pub fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Whether a pod was told to end.
pub fn is_ending(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_string()
}

/// A station serves.
pub fn serve(status: &mut Value) {
    let running = |container: &str| {
        json!({
            "name": container, "ready": true, "started": true, "restartCount": 0,
            "image": "example.org/trigpoint:1",
            "imageID": format!("example.org/trigpoint@sha256:{:064x}", 1),
            "containerID": format!("containerd://{:064x}", 2),
            "state": {"running": {"startedAt": now()}},
        })
    };
    status["phase"] = "Running".into();
    status["podIP"] = "192.0.2.1".into();
    status["startTime"] = now().into();
    status["containerStatuses"] = json!([running("server"), running("traceroute")]);
    status["conditions"] = json!([{
        "type": "Ready", "status": "True", "lastTransitionTime": now(),
    }]);
}

/// A station has drained; every row of it arrived.
pub fn drain(status: &mut Value) {
    // As `trigpoint_process::termination` writes it.
    let server = json!({
        "at": now(), "outcome": "Clean", "version": "0.1.0", "seconds": 3, "aborted": 0,
        "completed": 2, "flushedRows": 40, "unflushedRows": 0, "drainMs": 2000, "flushMs": 100,
    });
    let traceroute = json!({
        "at": now(), "outcome": "Clean", "version": "0.1.0", "seconds": 3,
        "flushedRows": 2, "unflushedRows": 0, "drainMs": 2000, "flushMs": 100,
    });
    status["containerStatuses"] =
        json!(
            [ended("server", &server.to_string()), ended("traceroute", &traceroute.to_string()),]
        );
}

/// A probe found its node good.
pub fn pass_probe(pod: &mut Value) {
    succeed(pod, FACTS);
}

/// A test of a station through its public path went well; what the station saw of its
/// client's address is its own.
pub fn pass_self_test(pod: &mut Value, is_rewritten: bool) {
    let told = json!({"server": "", "clientAddressRewritten": is_rewritten});
    succeed(pod, &told.to_string());
}

/// A test that is a sample for a gate went well, and moved so much.
pub fn pass_synthetic_test(pod: &mut Value, bytes: u64) {
    let told = json!({"server": "", "bytes": bytes});
    succeed(pod, &told.to_string());
}

/// A pod that runs once is over, and went well.
fn succeed(pod: &mut Value, message: &str) {
    let containers = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
    let ended = |container: &Value| {
        let name = container["name"].as_str().unwrap_or_default();
        ended(name, if name == "traceroute" { "" } else { message })
    };
    pod["status"]["containerStatuses"] = containers.iter().map(ended).collect();
    pod["status"]["phase"] = "Succeeded".into();
}

fn ended(container: &str, message: &str) -> Value {
    json!({
        "name": container, "ready": false, "restartCount": 0, "image": "", "imageID": "",
        "state": {"terminated": {"exitCode": 0, "message": message, "finishedAt": now()}},
    })
}
