//! Close codes and the payload of Close frames (RFC 6455 5.5.1 and 7.4).

use std::fmt;

use crate::{MAX_CONTROL_PAYLOAD, ProtocolError};

/// A status code of a Close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away, for instance because it shuts down.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of data that is not accepted here.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// Payload is not what its type promises, for instance text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer broke a rule that no other code names.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// A message is longer than this side accepts.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// The server met a condition that kept it from going on.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// Whether an endpoint may send this code: the registered ones, and the
    /// ranges of libraries and applications. 1004, 1005, 1006 and 1015 are
    /// reserved for the receiving side.
    pub fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a Close frame with a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// Why the peer closes.
    pub code: CloseCode,
    /// The peer's words; may be empty.
    pub reason: String,
}

/// The payload of a Close frame. A reason longer than the 123 bytes that fit
/// is cut at a character.
pub fn close_payload(code: CloseCode, reason: &str) -> Vec<u8> {
    let fits = reason.floor_char_boundary(MAX_CONTROL_PAYLOAD - 2);
    let mut payload = code.0.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..fits]);
    payload
}

/// Reads the unmasked payload of a Close frame; `None` when it is empty, which
/// is allowed and says nothing.
pub fn parse_close(payload: &[u8]) -> Result<Option<Close>, ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(ProtocolError::CloseTooShort) };
    };
    let code = CloseCode(u16::from_be_bytes(*code));
    if !code.may_be_sent() {
        return Err(ProtocolError::CloseCodeInvalid(code.0));
    }
    let reason = str::from_utf8(reason).map_err(|_| ProtocolError::CloseReasonNotUtf8)?;
    Ok(Some(Close { code, reason: reason.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let payload = close_payload(CloseCode::NORMAL, "Done sending");
        assert_eq!(payload, b"\x03\xe8Done sending");
        let close = Close { code: CloseCode::NORMAL, reason: "Done sending".to_owned() };
        assert_eq!(parse_close(&payload), Ok(Some(close)));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let payload = close_payload(CloseCode::POLICY_VIOLATION, &"ü".repeat(100));
        assert_eq!(payload.len(), 2 + 122);
        assert!(parse_close(&payload).is_ok());
    }

    #[test]
    fn invalid_payloads_are_refused() {
        assert_eq!(parse_close(b""), Ok(None));
        assert_eq!(parse_close(b"\x03"), Err(ProtocolError::CloseTooShort));
        assert_eq!(parse_close(b"\x03\xe8\xff"), Err(ProtocolError::CloseReasonNotUtf8));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, u16::MAX] {
            let refused = Err(ProtocolError::CloseCodeInvalid(code));
            assert_eq!(parse_close(&code.to_be_bytes()), refused);
        }
        for code in [1000, 1003, 1007, 1014, 3000, 4999] {
            assert!(parse_close(&u16::to_be_bytes(code)).is_ok(), "{code}");
        }
    }
}
