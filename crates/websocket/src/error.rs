//! What a peer can do wrong, and the close code that answers it.

use crate::{CloseCode, MAX_CONTROL_PAYLOAD};

/// A violation of RFC 6455 by the peer. The connection must end with
/// [`ProtocolError::close_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A reserved bit is set although no extension was negotiated (5.2).
    #[error("frame has reserved bits set ({0:#04x}), but no extension was negotiated")]
    ReservedBits(u8),
    /// The opcode is reserved (5.2).
    #[error("frame has the reserved opcode {0:#x}")]
    ReservedOpcode(u8),
    /// A client's frame is not masked (5.1).
    #[error("frame from a client is not masked")]
    Unmasked,
    /// A server's frame is masked (5.1).
    #[error("frame from a server is masked")]
    Masked,
    /// A control frame is longer than 125 bytes (5.5).
    #[error("control frame has {0} payload bytes, the limit is {MAX_CONTROL_PAYLOAD}")]
    ControlTooLong(u64),
    /// A control frame is fragmented (5.5).
    #[error("control frame is fragmented")]
    ControlFragmented,
    /// A length is not encoded in the fewest bytes (5.2).
    #[error("payload length {0} is not encoded in the fewest bytes")]
    LengthNotMinimal(u64),
    /// The highest bit of a 64-bit length is set (5.2).
    #[error("payload length {0:#x} has its highest bit set")]
    LengthTooLarge(u64),
    /// A continuation frame continues nothing (5.4).
    #[error("continuation frame without a message to continue")]
    NothingToContinue,
    /// A new message starts inside a fragmented one (5.4).
    #[error("new message starts before the last fragment of the previous one")]
    MessageNotFinished,
    /// A message is longer than this side accepts (10.4).
    #[error("message of at least {bytes} bytes is longer than the limit of {limit}")]
    MessageTooBig {
        /// Bytes of the message so far, with the frame just announced.
        bytes: u64,
        /// The limit of this side.
        limit: u64,
    },
    /// A text message is not UTF-8 (8.1).
    #[error("text message is not valid UTF-8")]
    TextNotUtf8,
    /// A close frame has one payload byte; a code needs two (5.5.1).
    #[error("close frame has a payload of one byte")]
    CloseTooShort,
    /// A close frame carries a code that must not be sent (7.4).
    #[error("close frame has the code {0}, which must not be sent")]
    CloseCodeInvalid(u16),
    /// The reason of a close frame is not UTF-8 (5.5.1).
    #[error("reason of a close frame is not valid UTF-8")]
    CloseReasonNotUtf8,
}

impl ProtocolError {
    /// The code of the Close frame that answers this violation (RFC 6455 7.4.1).
    pub fn close_code(&self) -> CloseCode {
        match self {
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TextNotUtf8 | Self::CloseReasonNotUtf8 => CloseCode::INVALID_PAYLOAD,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
