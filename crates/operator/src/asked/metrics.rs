//! What a station says of itself at its admin endpoints.

use k8s_openapi::api::core::v1::Pod;
use tracing::debug;

use crate::http;

/// The text at that port of the pod; none if it cannot be asked.
pub(super) async fn of(pod: &Pod, port: i32) -> Option<String> {
    let address = pod.status.as_ref()?.pod_ip.as_deref()?;
    let address = if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    };
    match http::get(&address, "/metrics").await {
        Ok((200, text)) => Some(text),
        Ok((status, _)) => {
            debug!(address, status, "a station does not tell its metrics");
            None
        }
        Err(error) => {
            debug!(error, "a station cannot be asked");
            None
        }
    }
}

/// A figure without labels in such a text.
pub(super) fn figure(text: &str, name: &str) -> Option<f64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}
