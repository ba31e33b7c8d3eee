//! The endpoint for those who run the process: metrics, health, drain.

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tracing::info;

use crate::{Phase, Shutdown, VERSION};

#[cfg(test)]
mod tests;

/// What the endpoint shows, and what `/drain` sets going.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Every metric of the process.
    pub registry: Registry,
    /// The process's way out.
    pub shutdown: Shutdown,
}

/// Answers on `listener` until the process is done.
///
/// `/readyz` stays 200 in lame duck: a terminating pod gets the traffic of
/// clients it still serves only while it reports ready.
pub async fn serve(listener: TcpListener, admin: Admin) -> io::Result<()> {
    serve_watched(listener, admin, || Ok(())).await
}

/// As [`serve`], where the process may be alive and yet do its work no more:
/// `/livez` is 503 with what `liveness` says is wrong, and whoever watches the
/// process starts it again.
pub async fn serve_watched(
    listener: TcpListener,
    admin: Admin,
    liveness: impl Fn() -> Result<(), String> + Clone + Send + Sync + 'static,
) -> io::Result<()> {
    let live = move || {
        let answer = match liveness() {
            Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
            Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, format!("{wrong}\n")),
        };
        std::future::ready(answer)
    };
    let shutdown = admin.shutdown.clone();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/drain", post(drain))
        .route("/version", get(|| async { json(&serde_json::json!({ "version": VERSION })) }))
        .with_state(Arc::new(admin))
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        () = shutdown.reached(Phase::Done) => Ok(()),
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match TextEncoder::new().encode_to_string(&admin.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    let phase = admin.shutdown.phase();
    let status =
        if phase < Phase::Draining { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, json(&serde_json::json!({ "phase": phase }))).into_response()
}

async fn drain(
    State(admin): State<Arc<Admin>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "draining is only possible from this machine\n")
            .into_response();
    }
    info!(%peer, "drain requested");
    admin.shutdown.begin();
    (StatusCode::ACCEPTED, json(&serde_json::json!({ "phase": admin.shutdown.phase() })))
        .into_response()
}

fn json(value: &serde_json::Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], format!("{value}\n"))
}
