//! The query string of a test's URL: what the client says about itself, and
//! what it asks for.

use crate::spec;

/// One parameter that the client gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its name, decoded.
    pub name: String,
    /// Its first value, decoded.
    pub value: String,
}

/// A client's query string, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Every parameter that is stored with the test, in the client's order.
    /// Names that start with `server_` are left out, since the stored form
    /// uses them for the server's own, and so is `access_token`, a secret.
    pub client_metadata: Vec<Metadata>,
    /// Acknowledged bytes after which a download ends before its time. An
    /// upload ignores it, but a wrong value is refused there too.
    pub early_exit_bytes: Option<u64>,
}

/// Why a query string is refused; the answer is 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It is longer than [`spec::MAX_QUERY_BYTES`].
    #[error("query string has {0} bytes, the limit is {limit}", limit = spec::MAX_QUERY_BYTES)]
    TooLong(usize),
    /// A `%` is not followed by two hexadecimal digits.
    #[error("query parameter {0} has a `%` without two hexadecimal digits after it")]
    PercentEncoding(usize),
    /// A parameter is not UTF-8 when decoded.
    #[error("query parameter {0} is not valid UTF-8")]
    NotUtf8(usize),
    /// A semicolon, which servers take for a separator or for text.
    #[error("query parameter {0} has a `;`, which must be written as `%3B`")]
    Semicolon(usize),
    /// `early_exit` has a value that the protocol does not have.
    #[error("early_exit is `{0}`, the only value is {only}", only = spec::VALID_EARLY_EXIT_VALUE)]
    EarlyExit(String),
}

impl Query {
    /// Reads a query string, without its `?`. Errors count parameters from 1
    /// and do not repeat them: one may be a secret.
    pub fn parse(query: &str) -> Result<Self, QueryError> {
        if query.len() > spec::MAX_QUERY_BYTES {
            return Err(QueryError::TooLong(query.len()));
        }
        let mut metadata: Vec<Metadata> = Vec::new();
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        for (position, parameter) in (1..).zip(parameters) {
            if parameter.contains(';') {
                return Err(QueryError::Semicolon(position));
            }
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let (name, value) = (decode(name, position)?, decode(value, position)?);
            if !metadata.iter().any(|known| known.name == name) {
                metadata.push(Metadata { name, value });
            }
        }
        let early_exit = metadata.iter().find(|parameter| parameter.name == "early_exit");
        let early_exit_bytes = match early_exit.map(|parameter| parameter.value.as_str()) {
            None => None,
            Some(spec::VALID_EARLY_EXIT_VALUE) => Some(spec::EARLY_EXIT_BYTES),
            Some(other) => return Err(QueryError::EarlyExit(other.to_owned())),
        };
        metadata.retain(|parameter| {
            parameter.name != "access_token" && !parameter.name.starts_with("server_")
        });
        Ok(Self { client_metadata: metadata, early_exit_bytes })
    }
}

/// Decodes `application/x-www-form-urlencoded`, as Go's `url.ParseQuery` does.
fn decode(encoded: &str, position: usize) -> Result<String, QueryError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (value, tail) =
                    percent_byte(tail).ok_or(QueryError::PercentEncoding(position))?;
                rest = tail;
                value
            }
            byte => *byte,
        });
    }
    String::from_utf8(decoded).map_err(|_| QueryError::NotUtf8(position))
}

fn percent_byte(after_percent: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low, tail @ ..] = after_percent else { return None };
    Some(((digit(*high)? * 16 + digit(*low)?) as u8, tail))
}

#[cfg(test)]
mod tests;
