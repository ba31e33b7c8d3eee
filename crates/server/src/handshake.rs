//! HTTP until a WebSocket is agreed on, then the raw socket.
//!
//! hyper serves requests on a connection until one asks for a test; its
//! `without_shutdown` then returns the socket as it was given, with the bytes
//! that the client sent early.
//! Status codes: `reference/protocols.md` 1.1; RFC 6455 section 4.2.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::warn;
use trigpoint_ndt7::{Direction, Query, spec};
use trigpoint_websocket::{accept_key, is_request_key};

use crate::admission::{Admitted, Refusal};
use crate::{Shared, SyntheticError, page, synthetic};

pub(crate) type Body = Full<Bytes>;

/// A client that takes longer to send a request is not there to test.
pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// hyper's least is 8 KiB; the longest query is 4 KiB.
const REQUEST_BUFFER_BYTES: usize = 16 << 10;

/// A test that was agreed on.
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) direction: Direction,
    pub(crate) query: Query,
    pub(crate) admitted: Admitted,
}

/// Serves requests; the socket, early bytes and the test when one was agreed on.
pub(crate) async fn serve<Io>(
    io: Io,
    client: std::net::IpAddr,
    shared: &Shared,
) -> Option<(Io, Bytes, Agreed)>
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let agreed = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let response = match answer(&request, client, shared) {
            Answer::Agree(response, test) => {
                *agreed.lock().unwrap_or_else(PoisonError::into_inner) = Some(test);
                response
            }
            Answer::Other(response) => response,
        };
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(REQUEST_BUFFER_BYTES)
        .serve_connection(TokioIo::new(io), service)
        .without_shutdown();
    // An error here is a client that went away or spoke no HTTP; hyper has
    // answered what can be answered.
    let parts = connection.await.ok()?;
    let test = agreed.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some((parts.io.into_inner(), parts.read_buf, test))
}

enum Answer {
    Agree(Response<Body>, Agreed),
    Other(Response<Body>),
}

fn answer(request: &Request<Incoming>, client: std::net::IpAddr, shared: &Shared) -> Answer {
    let admission = &shared.admission;
    let path = request.uri().path();
    let Some(direction) = Direction::from_path(path) else {
        return Answer::Other(other(request));
    };
    let headers = request.headers();
    // The whole header, not a member of its list: what M-Lab's server does.
    if header(headers, header::SEC_WEBSOCKET_PROTOCOL) != Some(spec::SEC_WEBSOCKET_PROTOCOL) {
        return refuse(StatusCode::BAD_REQUEST, &[(header::CONNECTION, "Close")], "");
    }
    let Some(key) = request_key(request) else {
        let version = [(header::SEC_WEBSOCKET_VERSION, "13")];
        return refuse(StatusCode::BAD_REQUEST, &version, "Bad Request\n");
    };
    let mut query = match Query::parse(request.uri().query().unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => {
            admission.refused(Refusal::Query);
            return refuse(StatusCode::BAD_REQUEST, &[], &format!("{error}\n"));
        }
    };
    let is_synthetic = match synthetic::is_synthetic(shared.synthetic.as_ref(), headers) {
        Ok(is_synthetic) => is_synthetic,
        Err(error) => {
            admission.refused(Refusal::Token);
            let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
            let reason = match error {
                // Anybody may send one.
                SyntheticError::Token(invalid) => invalid.to_string(),
                own => {
                    warn!(error = %own, "tokens of synthetic tests cannot be checked");
                    "the station cannot check the token".to_owned()
                }
            };
            return refuse(StatusCode::UNAUTHORIZED, &challenge, &format!("{reason}\n"));
        }
    };
    synthetic::mark(&mut query.client_metadata, is_synthetic);
    let admitted = match admission.admit(client) {
        Ok(admitted) => admitted,
        Err(retry_after) => {
            let seconds = retry_after.as_secs().max(1).to_string();
            let retry = [(header::RETRY_AFTER, seconds.as_str())];
            return refuse(StatusCode::SERVICE_UNAVAILABLE, &retry, "");
        }
    };
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept_key(key))
        .header(header::SEC_WEBSOCKET_PROTOCOL, spec::SEC_WEBSOCKET_PROTOCOL)
        .body(body(""));
    match response {
        Ok(response) => Answer::Agree(response, Agreed { direction, query, admitted }),
        Err(_) => refuse(StatusCode::BAD_REQUEST, &[], ""),
    }
}

/// The client's key, if this is a request for a WebSocket (RFC 6455 section 4.2.1).
fn request_key(request: &Request<Incoming>) -> Option<&str> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && has_token(headers, header::CONNECTION, "upgrade")
        && has_token(headers, header::UPGRADE, "websocket")
        && header(headers, header::SEC_WEBSOCKET_VERSION) == Some("13");
    header(headers, header::SEC_WEBSOCKET_KEY).filter(|key| asks && is_request_key(key))
}

fn header(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn has_token(headers: &HeaderMap, name: header::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn other(request: &Request<Incoming>) -> Response<Body> {
    let status = if request.method() != Method::GET && request.method() != Method::HEAD {
        StatusCode::METHOD_NOT_ALLOWED
    } else if let Some(response) = page::file(request.uri().path()) {
        return response;
    } else {
        StatusCode::NOT_FOUND
    };
    let mut response = Response::new(body(""));
    *response.status_mut() = status;
    response
}

fn refuse(status: StatusCode, headers: &[(header::HeaderName, &str)], text: &str) -> Answer {
    let mut response = Response::new(body(text));
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    }
    Answer::Other(response)
}

pub(crate) fn body(text: &str) -> Body {
    Full::new(Bytes::copy_from_slice(text.as_bytes()))
}
