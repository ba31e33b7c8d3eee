//! Asking an admin endpoint.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::Request;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// An endpoint on the same network that is well answers far sooner.
const DEADLINE: Duration = Duration::from_secs(2);
/// Metrics of a station are some tens of kilobytes.
const MOST_BYTES: usize = 4 << 20;

/// The status and the text at `path` of `HOST:PORT`, or why there is none.
pub(crate) async fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    tokio::time::timeout(DEADLINE, exchange(address, path))
        .await
        .map_err(|_| format!("{address} did not answer within {} s", DEADLINE.as_secs()))?
        .map_err(|error| format!("{address}: {error}"))
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn exchange(address: &str, path: &str) -> Result<(u16, String), AnyError> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(path).header(HOST, address).body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MOST_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
