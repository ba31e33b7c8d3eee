//! The WebSocket frame codec (RFC 6455) for bulk transfer.
//!
//! Owns frame headers, masking, close codes and the order of frames as a state
//! machine over bytes. It is made for peers that send gigabytes nobody looks
//! at: binary payload is counted and skipped, and may be discarded by the
//! caller without passing through here at all ([`Reader::discard`]); only text
//! and control payloads are kept, unmasked and checked.
//!
//! Must never touch a socket, read a clock or draw a random number.
#![forbid(unsafe_code)]

mod close;
mod error;
mod handshake;
mod header;
mod mask;
mod reader;

pub use close::{Close, CloseCode, close_payload, parse_close};
pub use error::ProtocolError;
pub use handshake::{accept_key, is_request_key, request_key};
pub use header::{
    Header, HeaderBytes, MAX_CONTROL_PAYLOAD, MAX_HEADER_LEN, Opcode, encode_frame, encode_header,
    parse_header,
};
pub use mask::unmask;
pub use reader::{Event, Limits, Reader, Role};
