//! Frame headers (RFC 6455 5.2): parsing in place and writing into a stack
//! array, for a gathered write of header and payload.

use std::ops::Deref;

use crate::{ProtocolError, unmask};

/// The longest header: two bytes, a 64-bit length, a masking key.
pub const MAX_HEADER_LEN: usize = 14;
/// The longest payload of a control frame (5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// Values of the 7-bit length that announce a longer one behind it.
const LENGTH_IN_16_BITS: u8 = 126;
const LENGTH_IN_64_BITS: u8 = 127;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// A further fragment of the message before.
    Continuation,
    /// UTF-8 text.
    Text,
    /// Bytes.
    Binary,
    /// The end.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to it.
    Pong,
}

impl Opcode {
    /// Whether this frame may stand between the fragments of a message (5.5).
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, ProtocolError> {
        Ok(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            reserved => return Err(ProtocolError::ReservedOpcode(reserved)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Whether this is the last fragment of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub masked: Option<[u8; 4]>,
    /// Bytes of payload that follow the header.
    pub payload_len: u64,
}

/// Reads the header at the start of `bytes` and says how long it is; `None`
/// when more bytes are needed. What one header alone can break is checked here;
/// the order of frames and the direction of masking are [`crate::Reader`]'s.
pub fn parse_header(bytes: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
    let Some((&[first, second], rest)) = bytes.split_first_chunk::<2>() else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(ProtocolError::ReservedBits(first & 0x70));
    }
    let fin = first & 0x80 != 0;
    let opcode = Opcode::from_bits(first & 0x0f)?;
    if opcode.is_control() && !fin {
        return Err(ProtocolError::ControlFragmented);
    }
    let (payload_len, rest) = match second & 0x7f {
        LENGTH_IN_16_BITS => match rest.split_first_chunk::<2>() {
            Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
            None => return Ok(None),
        },
        LENGTH_IN_64_BITS => match rest.split_first_chunk::<8>() {
            Some((len, rest)) => (u64::from_be_bytes(*len), rest),
            None => return Ok(None),
        },
        len => (u64::from(len), rest),
    };
    if payload_len > i64::MAX as u64 {
        return Err(ProtocolError::LengthTooLarge(payload_len));
    }
    let shortest = match second & 0x7f {
        LENGTH_IN_16_BITS => 126,
        LENGTH_IN_64_BITS => 1 << 16,
        _ => 0,
    };
    if payload_len < shortest {
        return Err(ProtocolError::LengthNotMinimal(payload_len));
    }
    if opcode.is_control() && payload_len > MAX_CONTROL_PAYLOAD as u64 {
        return Err(ProtocolError::ControlTooLong(payload_len));
    }
    let (masked, rest) = if second & 0x80 == 0 {
        (None, rest)
    } else {
        match rest.split_first_chunk::<4>() {
            Some((key, rest)) => (Some(*key), rest),
            None => return Ok(None),
        }
    };
    Ok(Some((Header { fin, opcode, masked, payload_len }, bytes.len() - rest.len())))
}

/// A header ready to be written.
#[derive(Debug, Clone, Copy)]
pub struct HeaderBytes {
    bytes: [u8; MAX_HEADER_LEN],
    len: u8,
}

impl Deref for HeaderBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Writes a header. The payload of a masked frame must have been masked with
/// the same key.
pub fn encode_header(
    fin: bool,
    opcode: Opcode,
    payload_len: u64,
    mask: Option<[u8; 4]>,
) -> HeaderBytes {
    let mut header = HeaderBytes { bytes: [0; MAX_HEADER_LEN], len: 0 };
    let mut push = |part: &[u8]| {
        let start = usize::from(header.len);
        header.bytes[start..start + part.len()].copy_from_slice(part);
        header.len += part.len() as u8;
    };
    let first = u8::from(fin) << 7 | opcode.bits();
    let mask_bit = u8::from(mask.is_some()) << 7;
    match payload_len {
        0..126 => push(&[first, mask_bit | payload_len as u8]),
        126..0x1_0000 => {
            push(&[first, mask_bit | LENGTH_IN_16_BITS]);
            push(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            push(&[first, mask_bit | LENGTH_IN_64_BITS]);
            push(&payload_len.to_be_bytes());
        }
    }
    if let Some(key) = mask {
        push(&key);
    }
    header
}

/// A whole unfragmented frame, for text and control messages. `mask` is the
/// key a client must draw for each frame; servers send without.
pub fn encode_frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let header = encode_header(true, opcode, payload.len() as u64, mask);
    let mut frame = Vec::with_capacity(header.len() + payload.len());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(payload);
    if let Some(key) = mask {
        unmask(&mut frame[header.len()..], key, 0);
    }
    frame
}

#[cfg(test)]
mod tests;
