//! A first walk over a `Columns` message, which charges for what its decoding
//! will allocate.
//!
//! Two bytes of protobuf can stand for an empty `Column` of 250 bytes or an
//! empty text of 24, and columns can nest; the generated decoder has no limit
//! for either, so nothing is handed to it before this walk.

use crate::{DEPTH, DecodeError, budget::Budget};

/// Field numbers of `ingest.proto`.
mod field {
    pub(super) const COLUMNS: u64 = 2;
    pub(super) const DELTAS: u64 = 3;
    pub(super) const DICTIONARY: u64 = 5;
    pub(super) const DICTIONARY_INDICES: u64 = 6;
    pub(super) const BLOBS: u64 = 7;
    pub(super) const LENGTHS: u64 = 9;
    pub(super) const CHILDREN: u64 = 10;
}

/// Charges `budget` for the message, or says what is wrong with it.
pub(crate) fn scan(columns: &[u8], budget: &mut Budget) -> Result<(), DecodeError> {
    let mut reader = Reader(columns);
    while let Some((number, value)) = reader.field()? {
        if let (field::COLUMNS, Value::Bytes(bytes)) = (number, value) {
            column(bytes, 1, budget)?;
        }
    }
    Ok(())
}

fn column(column: &[u8], depth: usize, budget: &mut Budget) -> Result<(), DecodeError> {
    if depth > DEPTH {
        return Err(DecodeError::Depth);
    }
    budget.column()?;
    let mut reader = Reader(column);
    while let Some((number, value)) = reader.field()? {
        match (number, value) {
            (field::CHILDREN, Value::Bytes(bytes)) => self::column(bytes, depth + 1, budget)?,
            (field::DICTIONARY | field::BLOBS, Value::Bytes(bytes)) => {
                budget.spend(1, size_of::<Vec<u8>>() + bytes.len())?;
            }
            (field::DELTAS, Value::Bytes(packed)) => budget.spend(varints(packed), 8)?,
            (field::DICTIONARY_INDICES | field::LENGTHS, Value::Bytes(packed)) => {
                budget.spend(varints(packed), 4)?;
            }
            (_, Value::Bytes(bytes)) => budget.spend(1, bytes.len())?,
            (_, Value::Scalar) => budget.spend(1, 8)?,
        }
    }
    Ok(())
}

/// `Columns.rows` from the beginning of a message, of which it is the first field.
pub(crate) fn rows(beginning: &[u8]) -> Option<u64> {
    const KEY: u64 = 1 << 3;
    let mut reader = Reader(beginning);
    (reader.varint().ok()? == KEY).then(|| reader.varint().ok())?
}

/// Number of varints in a packed field: each ends with a byte below 0x80.
fn varints(packed: &[u8]) -> usize {
    packed.iter().filter(|&&byte| byte < 0x80).count()
}

enum Value<'a> {
    /// A number, the size of which does not matter here.
    Scalar,
    Bytes(&'a [u8]),
}

/// What is left of a protobuf message
/// (<https://protobuf.dev/programming-guides/encoding/>).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, DecodeError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => self.varint().map(|_| Value::Scalar)?,
            1 => self.take(8).map(|_| Value::Scalar)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
            }
            5 => self.take(4).map(|_| Value::Scalar)?,
            // Groups are not used since proto3.
            _ => return Err(DecodeError::Malformed),
        };
        Ok(Some((key >> 3, value)))
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Malformed)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}
