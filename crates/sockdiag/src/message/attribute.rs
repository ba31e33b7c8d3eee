//! The attributes behind an `inet_diag_msg`.

use trigpoint_tcpinfo::{Congestion, Meminfo, SkMeminfo, TcpInfo, congestion};

use super::{ParseError, SocketMessage};

/// Attribute types (`enum` in `include/uapi/linux/inet_diag.h`).
mod kind {
    pub(super) const MEMINFO: u16 = 1;
    pub(super) const INFO: u16 = 2;
    pub(super) const CONG: u16 = 4;
    pub(super) const TOS: u16 = 5;
    pub(super) const TCLASS: u16 = 6;
    pub(super) const SKMEMINFO: u16 = 7;
    pub(super) const SHUTDOWN: u16 = 8;
    pub(super) const PROTOCOL: u16 = 10;
    pub(super) const MARK: u16 = 15;
    pub(super) const CLASS_ID: u16 = 17;
}

/// `struct nlattr`.
const HEADER_LEN: usize = 4;
/// `NLA_TYPE_MASK`: without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;

/// The attributes of a message, type and value; ends after the first error.
pub(super) struct Attributes<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = self.bytes.get(offset..).filter(|rest| !rest.is_empty())?;
        let header = rest.first_chunk::<HEADER_LEN>();
        let length =
            header.map_or(0, |header| usize::from(u16::from_ne_bytes([header[0], header[1]])));
        let (Some(header), Some(value)) = (header, rest.get(HEADER_LEN..length)) else {
            self.offset = self.bytes.len();
            return Some(Err(ParseError::Attribute { offset, length, left: rest.len() }));
        };
        self.offset = offset + length.next_multiple_of(4);
        let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
        Some(Ok((kind, value)))
    }
}

impl SocketMessage {
    /// Takes in one attribute; whatever cannot be held exactly by its field
    /// goes to `undecoded`.
    pub(super) fn take(&mut self, kind: u16, value: &[u8]) {
        if let Some(bit) = kind.checked_sub(1).filter(|bit| *bit < 64) {
            self.attributes |= 1 << bit;
        }
        let taken = match kind {
            kind::INFO => self.take_tcp_info(value),
            kind::MEMINFO => fill(&mut self.meminfo, Some(Meminfo::decode(value))),
            kind::SKMEMINFO => fill(&mut self.skmeminfo, Some(SkMeminfo::decode(value))),
            kind::CONG => fill(&mut self.congestion_algorithm, name(value)),
            kind::TOS => fill(&mut self.tos, byte(value)),
            kind::TCLASS => fill(&mut self.tclass, byte(value)),
            kind::SHUTDOWN => fill(&mut self.shutdown, byte(value)),
            kind::PROTOCOL => fill(&mut self.protocol, byte(value)),
            kind::MARK => fill(&mut self.mark, word(value)),
            kind::CLASS_ID => fill(&mut self.class_id, word(value)),
            congestion::BBR_ATTRIBUTE
            | congestion::VEGAS_ATTRIBUTE
            | congestion::DCTCP_ATTRIBUTE => {
                fill(&mut self.congestion, Congestion::decode(kind, value))
            }
            _ => false,
        };
        if !taken {
            self.undecoded.push((kind, value.to_vec()));
        }
    }

    fn take_tcp_info(&mut self, value: &[u8]) -> bool {
        let taken = fill(&mut self.tcp_info, Some(TcpInfo::decode(value)));
        if taken {
            self.tcp_info_bytes = value.to_vec();
        }
        taken
    }
}

/// Fills an empty field; says whether it did.
fn fill<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    let fits = field.is_none() && value.is_some();
    if fits {
        *field = value;
    }
    fits
}

fn byte(value: &[u8]) -> Option<u8> {
    <[u8; 1]>::try_from(value).ok().map(|[byte]| byte)
}

fn word(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

/// A string as `nla_put_string` writes it: UTF-8 and one NUL.
fn name(value: &[u8]) -> Option<String> {
    let name = value.strip_suffix(&[0])?;
    (!name.contains(&0)).then(|| std::str::from_utf8(name).ok().map(str::to_owned)).flatten()
}
