//! The opening handshake of the client (RFC 6455 4.1) by hyper, which hands the
//! socket back afterwards.

use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use trigpoint_ndt7::{Direction, spec};
use trigpoint_websocket::{accept_key, request_key};

use crate::{Error, Settings, Target};

/// What this client says about itself, in the names that M-Lab's clients use.
const METADATA: [(&str, &str); 6] = [
    ("client_name", "trigpoint"),
    ("client_version", env!("CARGO_PKG_VERSION")),
    ("client_library_name", env!("CARGO_PKG_NAME")),
    ("client_library_version", env!("CARGO_PKG_VERSION")),
    ("client_os", std::env::consts::OS),
    ("client_arch", std::env::consts::ARCH),
];

/// Asks for a test and returns the stream with the bytes that hyper had
/// already read from behind the server's answer.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    settings: &Settings,
    direction: Direction,
) -> Result<(S, Vec<u8>), Error> {
    let target = &settings.target;
    let failed = |source| Error::Request { server: target.to_string(), source };
    let key = request_key(rand::random());
    let mut request = Request::get(target.path_and_query(direction, &METADATA))
        .header(header::HOST, target.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, spec::SEC_WEBSOCKET_PROTOCOL);
    if let Some(token) = &settings.token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(Empty::<&'static [u8]>::new())
        .map_err(|_| wrong(target, "the query string or the token does not fit a request"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        check(&response, target, direction, &key)
    };
    // The connection future ends when the upgrade is done; a refusal ends both.
    let released = async { connection.without_shutdown().await.map_err(failed) };
    let ((), parts) = tokio::try_join!(answer, released)?;
    Ok((parts.io.into_inner(), parts.read_buf.to_vec()))
}

fn check<B>(
    response: &Response<B>,
    target: &Target,
    direction: Direction,
    key: &str,
) -> Result<(), Error> {
    let headers = response.headers();
    let server = target.to_string();
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => {}
        StatusCode::SERVICE_UNAVAILABLE => {
            let retry_after_s =
                value(headers, header::RETRY_AFTER).and_then(|text| text.parse().ok());
            return Err(Error::Busy { server, retry_after_s });
        }
        status => return Err(Error::Refused { server, path: direction.path(), status }),
    }
    if value(headers, header::SEC_WEBSOCKET_ACCEPT) != Some(&accept_key(key)) {
        return Err(wrong(target, "Sec-WebSocket-Accept does not fit the key"));
    }
    if value(headers, header::SEC_WEBSOCKET_PROTOCOL) != Some(spec::SEC_WEBSOCKET_PROTOCOL) {
        return Err(wrong(target, "Sec-WebSocket-Protocol is not ndt7's"));
    }
    if headers.contains_key(header::SEC_WEBSOCKET_EXTENSIONS) {
        return Err(wrong(target, "it chose an extension that was not offered"));
    }
    Ok(())
}

fn value(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn wrong(target: &Target, reason: &'static str) -> Error {
    Error::NotWebSocket { server: target.to_string(), reason }
}
