//! The keys of the opening handshake (RFC 6455 4.1 and 4.2.2). They prove that
//! the other end speaks WebSocket; they are no security.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// The constant that RFC 6455 1.3 appends to every key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
pub fn accept_key(request_key: &str) -> String {
    STANDARD.encode(Sha1::new().chain_update(request_key).chain_update(GUID).finalize())
}

/// `Sec-WebSocket-Key` from 16 bytes that the client draws at random.
pub fn request_key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Whether a client's `Sec-WebSocket-Key` is one: 16 bytes in base64.
pub fn is_request_key(key: &str) -> bool {
    // The bound keeps a hostile header from being decoded whole.
    key.len() == 24 && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_key_of_the_rfc() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(request_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
    }

    #[test]
    fn only_sixteen_bytes_are_a_request_key() {
        assert!(is_request_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for key in
            ["", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEy", "????????????????????????"]
        {
            assert!(!is_request_key(key), "{key}");
        }
    }
}
