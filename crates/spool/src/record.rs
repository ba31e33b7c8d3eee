//! One batch as bytes in a segment.
//!
//! | offset | bytes | holds |
//! |---|---|---|
//! | 0 | 4 | magic, to find the next record behind a damaged one |
//! | 4 | 4 | CRC32C of everything behind it, seeded with the spool's id |
//! | 8 | 8 | sequence number |
//! | 16 | 4 | length of the payload |
//! | 20 | 1 | length of the table's name |
//! | 21 | | table's name, payload |
//!
//! Integers are little-endian.  The seed makes records of another spool, and
//! bytes in a payload that look like a record, never pass for one of ours.

use crate::Error;

/// Largest payload of a record: with its envelope it fits in a gRPC message of
/// 4 MiB, the default limit of tonic.
pub const MAX_PAYLOAD_BYTES: usize = (4 << 20) - (4 << 10);

/// Longest table name, in bytes.
pub const MAX_TABLE_BYTES: usize = u8::MAX as usize;

pub(crate) const MAGIC: [u8; 4] = [0xf5, b'T', b'p', 0x1e];
pub(crate) const HEAD_LEN: usize = 21;
const CHECKED_FROM: usize = 8;

/// The checksum of one spool's records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checksum {
    seed: u32,
}

impl Checksum {
    pub(crate) fn of_spool(id: &str) -> Self {
        Self { seed: crc32c::crc32c(id.as_bytes()) }
    }

    fn over(self, record: &[u8]) -> u32 {
        crc32c::crc32c_append(self.seed, record.get(CHECKED_FROM..).unwrap_or_default())
    }
}

/// A whole record, borrowed from its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) seq: u64,
    pub(crate) table: &'a str,
    pub(crate) payload: &'a [u8],
}

/// The bytes of a record.
pub(crate) fn encode(
    checksum: Checksum,
    seq: u64,
    table: &str,
    payload: &[u8],
) -> Result<Vec<u8>, Error> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::PayloadTooLarge { bytes: payload.len() });
    }
    let Ok(table_len) = u8::try_from(table.len()) else {
        return Err(Error::TableNameTooLong { bytes: table.len() });
    };
    let mut record = Vec::with_capacity(HEAD_LEN + table.len() + payload.len());
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(&[0; 4]);
    record.extend_from_slice(&seq.to_le_bytes());
    record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    record.push(table_len);
    record.extend_from_slice(table.as_bytes());
    record.extend_from_slice(payload);
    let crc = checksum.over(&record);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(record)
}

/// The length that a record's head claims, if it is a head at all.
pub(crate) fn claimed_len(head: &[u8]) -> Option<usize> {
    let head: &[u8; HEAD_LEN] = head.first_chunk()?;
    let payload_len = u32::from_le_bytes(*head[16..].first_chunk()?) as usize;
    (head.starts_with(&MAGIC) && payload_len <= MAX_PAYLOAD_BYTES)
        .then_some(HEAD_LEN + usize::from(head[20]) + payload_len)
}

/// The record at the start of `bytes`, if one stands there whole and sound.
pub(crate) fn parse(checksum: Checksum, bytes: &[u8]) -> Option<Record<'_>> {
    let record = bytes.get(..claimed_len(bytes)?)?;
    let crc = u32::from_le_bytes(*record[4..].first_chunk()?);
    if checksum.over(record) != crc {
        return None;
    }
    let seq = u64::from_le_bytes(*record[8..].first_chunk()?);
    let (table, payload) = record[HEAD_LEN..].split_at(usize::from(record[20]));
    Some(Record { seq, table: str::from_utf8(table).ok()?, payload })
}
