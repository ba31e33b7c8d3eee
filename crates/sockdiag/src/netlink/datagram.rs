//! The netlink messages of one datagram (`struct nlmsghdr`, netlink(7)).

use crate::ParseError;

const HEADER_LEN: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The table changed under the dump.
const NLM_F_DUMP_INTR: u16 = 0x10;

/// One netlink message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Sequence number of the request that it answers, 0 in multicasts.
    pub sequence: u32,
    /// Whether the dump that it belongs to was interrupted.
    pub interrupted: bool,
    /// What it is.
    pub kind: FrameKind<'a>,
}

/// What a netlink message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind<'a> {
    /// A socket's state: an `inet_diag_msg` and its attributes.
    Socket(&'a [u8]),
    /// End of a dump: 0, or the error that ended it.
    Done(i32),
    /// An acknowledgement (0) or an error number.
    Error(i32),
    /// Any other type.
    Other(u16),
}

/// The messages of a datagram; ends after the first error.
#[derive(Debug, Clone)]
pub struct Datagram<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Datagram<'a> {
    /// Reads a datagram; any bytes are safe.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }
}

impl<'a> Iterator for Datagram<'a> {
    type Item = Result<Frame<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = self.bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        let header = rest.first_chunk::<HEADER_LEN>();
        let length = header.map_or(0, |header| word(header, 0) as usize);
        let (Some(header), Some(payload)) = (header, rest.get(HEADER_LEN..length)) else {
            self.offset = self.bytes.len();
            return Some(Err(ParseError::Frame { offset, length, left: rest.len() }));
        };
        self.offset = offset + length.next_multiple_of(4);
        let half = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
        let kind = match half(4) {
            SOCK_DIAG_BY_FAMILY => FrameKind::Socket(payload),
            NLMSG_DONE => FrameKind::Done(error_number(payload)),
            NLMSG_ERROR => FrameKind::Error(error_number(payload)),
            other => FrameKind::Other(other),
        };
        let interrupted = half(6) & NLM_F_DUMP_INTR != 0;
        Some(Ok(Frame { sequence: word(header, 8), interrupted, kind }))
    }
}

fn word(header: &[u8; HEADER_LEN], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|byte| header[at + byte]))
}

/// The kernel sends errors negated; a message without one carries none.
fn error_number(payload: &[u8]) -> i32 {
    payload.first_chunk().map_or(0, |bytes| i32::from_ne_bytes(*bytes).saturating_neg())
}
