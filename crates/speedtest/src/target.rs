//! Which server to test against, as a person names it.

use std::fmt;
use std::net::Ipv6Addr;

use trigpoint_ndt7::Direction;
use url::{Host, Url};

/// A server: `ws` or `wss`, host, port, and the query string to repeat (where
/// access tokens are).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    secure: bool,
    host: Host<String>,
    port: u16,
    query: Option<String>,
}

/// Why a text names no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// It does not parse.
    #[error("`{text}` is neither a URL nor HOST[:PORT]: {source}")]
    Parse {
        /// What was given.
        text: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The scheme is another one.
    #[error("`{text}` has the scheme `{scheme}`: use `ws`, or `wss` for TLS")]
    Scheme {
        /// What was given.
        text: String,
        /// Its scheme.
        scheme: String,
    },
    /// There is no host.
    #[error("`{0}` has no host")]
    NoHost(String),
    /// The path is not one of ndt7's.
    #[error("`{text}` has the path `{path}`: leave it out, ndt7 has its own paths")]
    Path {
        /// What was given.
        text: String,
        /// Its path.
        path: String,
    },
}

impl Target {
    /// Reads a URL or `HOST[:PORT]`. The scheme of a URL decides on TLS (`http`
    /// and `https` stand for `ws` and `wss`); a bare host is asked over TLS on
    /// port 443, or without on port 80 when `plain` is set.
    pub fn parse(text: &str, plain: bool) -> Result<Self, TargetError> {
        let given = || text.to_owned();
        let url = if text.contains("://") {
            Url::parse(text)
        } else {
            let scheme = if plain { "ws" } else { "wss" };
            let host = if text.parse::<Ipv6Addr>().is_ok() { format!("[{text}]") } else { given() };
            Url::parse(&format!("{scheme}://{host}"))
        }
        .map_err(|source| TargetError::Parse { text: given(), source })?;
        let secure = match url.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            scheme => {
                return Err(TargetError::Scheme { text: given(), scheme: scheme.to_owned() });
            }
        };
        let path = url.path();
        if path != "/" && Direction::from_path(path).is_none() {
            return Err(TargetError::Path { text: given(), path: path.to_owned() });
        }
        let host = url.host().ok_or_else(|| TargetError::NoHost(given()))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| TargetError::NoHost(given()))?;
        Ok(Self { secure, host, port, query: url.query().map(str::to_owned) })
    }

    /// Whether the connection runs over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The host as a resolver and a certificate have it: IPv6 without brackets.
    pub(crate) fn host_name(&self) -> String {
        match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        }
    }

    /// The `Host` header.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Path and query string of a test; `metadata` is what the client says
    /// about itself.
    pub(crate) fn path_and_query(&self, direction: Direction, metadata: &[(&str, &str)]) -> String {
        let given = self.query.clone().unwrap_or_default();
        let mut query = url::form_urlencoded::Serializer::new(given);
        query.extend_pairs(metadata);
        format!("{}?{}", direction.path(), query.finish())
    }
}

/// `wss://host:port`, without the query string, which may hold a secret.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, plain: bool) -> String {
        Target::parse(text, plain).map_or_else(|error| error.to_string(), |t| t.to_string())
    }

    #[test]
    fn scheme_of_a_url_wins_and_a_bare_host_is_secure() {
        assert_eq!(shown("ws://a.example", false), "ws://a.example:80");
        assert_eq!(shown("wss://a.example", true), "wss://a.example:443");
        assert_eq!(shown("http://a.example:8080/", false), "ws://a.example:8080");
        assert_eq!(shown("a.example", false), "wss://a.example:443");
        assert_eq!(shown("a.example", true), "ws://a.example:80");
        assert_eq!(shown("localhost:8443", false), "wss://localhost:8443");
        assert_eq!(shown("127.0.0.1:8080", true), "ws://127.0.0.1:8080");
        assert_eq!(shown("::1", true), "ws://[::1]:80");
        assert_eq!(shown("[::1]:8080", true), "ws://[::1]:8080");
    }

    #[test]
    fn what_is_no_server_is_refused_with_a_reason() {
        assert!(shown("ftp://a.example", false).contains("the scheme `ftp`"));
        assert!(shown("ws://a.example/speed", false).contains("the path `/speed`"));
        assert!(shown("a.example:99999", false).contains("`a.example:99999`"));
        assert!(shown("", false).contains("neither a URL nor HOST[:PORT]"));
    }

    #[test]
    fn a_located_url_keeps_its_token_and_gets_the_path_of_each_direction() {
        let target = Target::parse("wss://a.example/ndt/v7/download?access_token=x.y", false)
            .expect("a URL as M-Lab's Locate gives it");
        assert_eq!(
            target.path_and_query(Direction::Upload, &[("client_os", "linux 6")]),
            "/ndt/v7/upload?access_token=x.y&client_os=linux+6"
        );
        assert!(!target.to_string().contains("x.y"));
    }
}
