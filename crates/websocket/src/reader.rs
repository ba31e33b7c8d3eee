//! The order of frames as a state machine over a byte stream (RFC 6455 5.4 to
//! 5.5, 8.1): which bytes are headers, which are payload to skip, which are
//! messages to keep.

use crate::{Close, Header, MAX_HEADER_LEN, Opcode, ProtocolError};
use crate::{parse_close, parse_header, unmask};

/// Which end of the connection this side is; the peer is the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Every frame of the peer must be masked.
    Server,
    /// No frame of the peer may be masked.
    Client,
}

/// How much this side accepts; a longer message ends the connection with 1009.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Payload bytes of one message over all its fragments.
    pub message_bytes: u64,
    /// Payload bytes of one text message, which is held in memory.
    pub text_bytes: u64,
}

/// What the bytes meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The header of a frame of a binary message (first or later fragment);
    /// [`Reader::remaining_payload`] bytes follow and are not kept.
    Header(Header),
    /// So many bytes of binary payload were among the given bytes and skipped.
    Discarded(u64),
    /// A whole text message.
    Text(String),
    /// A Ping with its payload, unmasked; to be answered by a Pong with the same.
    Ping(Vec<u8>),
    /// A Pong with its payload, unmasked.
    Pong(Vec<u8>),
    /// The peer's Close, with what it said. Nothing is read after it: later
    /// bytes are consumed without an event, as RFC 6455 5.5.1 asks.
    Close(Option<Close>),
}

/// Reads the peer's side of a connection.
///
/// Feed it with [`Reader::read`]. Between two calls, while
/// [`Reader::remaining_payload`] is not 0, the caller may take that many bytes
/// off the stream by other means (`recv` with `MSG_TRUNC`) and report them with
/// [`Reader::discard`].
#[derive(Debug)]
pub struct Reader {
    role: Role,
    limits: Limits,
    /// The start of a header whose rest has not arrived.
    partial: [u8; MAX_HEADER_LEN],
    partial_len: usize,
    state: State,
    /// The message that a later fragment continues, or that is being read.
    message: Option<Message>,
    /// Text so far, over all fragments.
    text: Vec<u8>,
    /// Payload so far of a control frame, which may stand inside a message.
    control: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Header,
    /// `left` bytes of the frame's payload are due.
    Payload {
        header: Header,
        left: u64,
    },
    Closed,
}

#[derive(Debug, Clone, Copy)]
struct Message {
    is_text: bool,
    /// Payload bytes announced so far, over all fragments.
    bytes: u64,
}

impl Reader {
    /// A reader at the first byte after the handshake.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            partial: [0; MAX_HEADER_LEN],
            partial_len: 0,
            state: State::Header,
            message: None,
            text: Vec::new(),
            control: Vec::new(),
        }
    }

    /// Reads up to the next event and says how many bytes that took. Call again
    /// with the rest until there is no event: then all bytes are taken. After
    /// an error the reader must not be used again.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), ProtocolError> {
        let mut taken = 0;
        loop {
            let (n, event) = match self.state {
                State::Header => self.read_header(&bytes[taken..])?,
                State::Payload { header, left } => {
                    self.read_payload(&bytes[taken..], header, left)?
                }
                State::Closed => (bytes.len() - taken, None),
            };
            taken += n;
            if event.is_some() || taken == bytes.len() {
                return Ok((taken, event));
            }
        }
    }

    /// Payload bytes of a binary frame that are still due and may be taken off
    /// the stream elsewhere; 0 in a header, a text or a control frame.
    pub fn remaining_payload(&self) -> u64 {
        match self.state {
            State::Payload { header, left } if self.is_skipped(header.opcode) => left,
            _ => 0,
        }
    }

    /// Says that `n` bytes of binary payload were taken off the stream
    /// elsewhere.
    ///
    /// # Panics
    /// When that is more than [`Reader::remaining_payload`].
    pub fn discard(&mut self, n: u64) {
        assert!(n <= self.remaining_payload(), "discarded more than was due");
        if n > 0
            && let State::Payload { header, left } = self.state
        {
            self.skip(header, left, n);
        }
    }

    /// Whether the peer's Close has been read.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn read_header(&mut self, bytes: &[u8]) -> Result<(usize, Option<Event>), ProtocolError> {
        let Some((header, taken)) = self.take_header(bytes)? else {
            return Ok((bytes.len(), None));
        };
        match (self.role, header.masked) {
            (Role::Server, None) => return Err(ProtocolError::Unmasked),
            (Role::Client, Some(_)) => return Err(ProtocolError::Masked),
            _ => {}
        }
        if !header.opcode.is_control() {
            self.start_fragment(&header)?;
        }
        self.state = State::Payload { header, left: header.payload_len };
        if self.is_skipped(header.opcode) {
            if header.payload_len == 0 {
                self.skip(header, 0, 0);
            }
            return Ok((taken, Some(Event::Header(header))));
        }
        // A frame without payload is complete with its header.
        let event = if header.payload_len == 0 { self.finish_kept(header)? } else { None };
        Ok((taken, event))
    }

    /// Parses in place; only a header that the read cut in two is copied.
    fn take_header(&mut self, bytes: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
        if self.partial_len == 0
            && let Some(whole) = parse_header(bytes)?
        {
            return Ok(Some(whole));
        }
        let had = self.partial_len;
        let copied = bytes.len().min(MAX_HEADER_LEN - had);
        self.partial[had..had + copied].copy_from_slice(&bytes[..copied]);
        if let Some((header, len)) = parse_header(&self.partial[..had + copied])? {
            self.partial_len = 0;
            return Ok(Some((header, len - had)));
        }
        self.partial_len = had + copied;
        Ok(None)
    }

    /// Checks the order and the size of data frames.
    fn start_fragment(&mut self, header: &Header) -> Result<(), ProtocolError> {
        let before = match (header.opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Continuation, None) => return Err(ProtocolError::NothingToContinue),
            (_, Some(_)) => return Err(ProtocolError::MessageNotFinished),
            (opcode, None) => Message { is_text: opcode == Opcode::Text, bytes: 0 },
        };
        // Both are below 2^63: no overflow.
        let bytes = before.bytes + header.payload_len;
        let limit = if before.is_text {
            self.limits.text_bytes.min(self.limits.message_bytes)
        } else {
            self.limits.message_bytes
        };
        if bytes > limit {
            return Err(ProtocolError::MessageTooBig { bytes, limit });
        }
        self.message = Some(Message { bytes, ..before });
        Ok(())
    }

    fn is_skipped(&self, opcode: Opcode) -> bool {
        !opcode.is_control() && self.message.is_some_and(|message| !message.is_text)
    }

    fn read_payload(
        &mut self,
        bytes: &[u8],
        header: Header,
        left: u64,
    ) -> Result<(usize, Option<Event>), ProtocolError> {
        let n = left.min(bytes.len() as u64);
        if n == 0 {
            return Ok((0, None));
        }
        if self.is_skipped(header.opcode) {
            self.skip(header, left, n);
            return Ok((n as usize, Some(Event::Discarded(n))));
        }
        let kept = if header.opcode.is_control() { &mut self.control } else { &mut self.text };
        let start = kept.len();
        kept.extend_from_slice(&bytes[..n as usize]);
        if let Some(key) = header.masked {
            unmask(&mut kept[start..], key, header.payload_len - left);
        }
        self.state = State::Payload { header, left: left - n };
        let event = if left == n { self.finish_kept(header)? } else { None };
        Ok((n as usize, event))
    }

    /// Counts `n` of the `left` bytes of a binary frame as gone.
    fn skip(&mut self, header: Header, left: u64, n: u64) {
        self.state = if left == n {
            if header.fin {
                self.message = None;
            }
            State::Header
        } else {
            State::Payload { header, left: left - n }
        };
    }

    /// The frame's payload is complete: the message it ends, if any.
    fn finish_kept(&mut self, header: Header) -> Result<Option<Event>, ProtocolError> {
        self.state = State::Header;
        match header.opcode {
            Opcode::Ping => Ok(Some(Event::Ping(std::mem::take(&mut self.control)))),
            Opcode::Pong => Ok(Some(Event::Pong(std::mem::take(&mut self.control)))),
            Opcode::Close => {
                self.state = State::Closed;
                Ok(Some(Event::Close(parse_close(&self.control)?)))
            }
            _ if !header.fin => Ok(None),
            _ => {
                self.message = None;
                String::from_utf8(std::mem::take(&mut self.text))
                    .map(|text| Some(Event::Text(text)))
                    .map_err(|_| ProtocolError::TextNotUtf8)
            }
        }
    }
}

#[cfg(test)]
mod tests;
