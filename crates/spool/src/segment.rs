//! A segment file: a header, then records, never rewritten.
//!
//! | offset | bytes | header |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version of the format |
//! | 12 | 32 | id of the spool |
//! | 44 | 4 | CRC32C of the bytes before it |
//!
//! The file's name is the first sequence number that it may hold; the last one
//! is the number before the next segment's name.

use std::io;

use crate::{
    Error,
    directory::Directory,
    disk::DiskFile,
    identity,
    record::{self, Checksum, HEAD_LEN, MAGIC},
};

pub(crate) const HEADER_LEN: u64 = 48;
/// Delta keeps the number of a batch as a signed 64-bit marker.
pub(crate) const MAX_SEQ: u64 = i64::MAX as u64 - 1;
const HEADER_MAGIC: [u8; 8] = *b"TPSPOOL\n";
const VERSION: u32 = 1;
const SUFFIX: &str = ".segment";

/// A record found in a segment, with its place.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) seq: u64,
    pub(crate) table: String,
    pub(crate) payload: Vec<u8>,
}

/// What the newest segment says about where to go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The next sequence number that was certainly never given.
    pub(crate) next_seq: u64,
    /// Whether every byte of the file is accounted for, so that appending to
    /// it may go on.
    pub(crate) sound: bool,
}

pub(crate) fn name(first_seq: u64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

pub(crate) fn parse_name(name: &str) -> Option<u64> {
    let first_seq = name.strip_suffix(SUFFIX).filter(|digits| digits.len() == 20)?.parse().ok()?;
    (1..=MAX_SEQ).contains(&first_seq).then_some(first_seq)
}

/// What every segment of the spool `id` begins with.
pub(crate) fn header(id: &str) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_LEN as usize);
    header.extend_from_slice(&HEADER_MAGIC);
    header.extend_from_slice(&VERSION.to_le_bytes());
    header.extend_from_slice(id.as_bytes());
    header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
    header
}

/// The spool's id as the newest sound header has it.
pub(crate) fn any_id(directory: &Directory) -> Result<Option<String>, Error> {
    let mut names = directory.names()?;
    names.retain(|name| parse_name(name).is_some());
    names.sort_unstable();
    for name in names.iter().rev() {
        let Some(file) = directory.open(name)? else { continue };
        let bytes =
            file.read_range(0, HEADER_LEN).map_err(Error::io("read", directory.file(name)))?;
        let id = bytes.get(12..12 + identity::LEN).and_then(|id| str::from_utf8(id).ok());
        if let Some(id) = id.filter(|id| bytes == header(id)) {
            return Ok(Some(id.to_owned()));
        }
    }
    Ok(None)
}

/// Reads the newest segment to its end.
pub(crate) fn scan(file: &dyn DiskFile, id: &str, first_seq: u64, len: u64) -> io::Result<End> {
    let checksum = Checksum::of_spool(id);
    let header_sound = file.read_range(0, HEADER_LEN.min(len))? == header(id);
    let mut next_seq = first_seq;
    let mut offset = HEADER_LEN;
    let mut records = 0;
    while let Some(found) = next_record(file, checksum, offset, len)? {
        next_seq = next_seq.max(found.seq.saturating_add(1));
        offset = found.end;
        records += 1;
    }
    let rest = file.read_range(offset, len)?;
    // Zeros are what a file system leaves of a write that never got to the
    // disk.  Anything else may be the remains of records that were given, sent
    // and committed: their numbers must not be used for other rows.
    if rest.iter().any(|byte| *byte != 0) || (records == 0 && !header_sound) {
        next_seq = next_seq.saturating_add(magics(&rest).count().max(1) as u64);
    }
    Ok(End { next_seq, sound: header_sound && rest.is_empty() })
}

/// The first whole record at or behind `offset` and before `end`.
pub(crate) fn next_record(
    file: &dyn DiskFile,
    checksum: Checksum,
    offset: u64,
    end: u64,
) -> io::Result<Option<Found>> {
    let head = file.read_range(offset, end.min(offset.saturating_add(HEAD_LEN as u64)))?;
    if let Some(claimed) = record::claimed_len(&head) {
        let bytes = file.read_range(offset, end.min(offset + claimed as u64))?;
        if let Some(found) = found_at(checksum, offset, &bytes) {
            return Ok(Some(found));
        }
    }
    let rest = file.read_range(offset, end)?;
    Ok(magics(&rest).find_map(|at| found_at(checksum, offset + at as u64, &rest[at..])))
}

fn found_at(checksum: Checksum, start: u64, bytes: &[u8]) -> Option<Found> {
    let record = record::parse(checksum, bytes)?;
    let len = HEAD_LEN + record.table.len() + record.payload.len();
    Some(Found {
        start,
        end: start + len as u64,
        seq: record.seq,
        table: record.table.to_owned(),
        payload: record.payload.to_vec(),
    })
}

fn magics(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC).map(|(at, _)| at)
}
