//! What reading a file costs in memory.
//!
//! A reader has a decompressor for each column, also for a file of ten rows:
//! with those, 240 small files of a hundred columns took 2.2 GB, which is 100
//! times their rows.  So a file whose rows take less than its reader is read
//! whole, and its reader is gone before the merge begins.

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};

use super::LiveFile;

/// A reader of one column: mostly zstd's context for decompression (measured:
/// 9.3 MB for 114 columns).
const READER_OF_A_COLUMN: u64 = 80 << 10;
/// What a file says about a column in its footer (measured: 74 kB for 114).
const FOOTER_OF_A_COLUMN: u64 = 600;
/// A number in memory, and a row's share in text and lists, by its bytes in the file.
const DECODED_VALUE: u64 = 8;
const DECODED: u64 = 8;
/// At most a row group of a file is in memory, compressed, and its pages
/// decompressed.
const ROW_GROUP_BYTES: u64 = 8 << 20;
const DECOMPRESSED: u64 = 3;

/// Decoded bytes that one reader may hold at a time: a batch.
const BATCH_BYTES: u64 = 1 << 20;
const BATCH_ROWS_AT_LEAST: u64 = 16;
const BATCH_ROWS_AT_MOST: u64 = 4096;

/// How files of one table are read; all sizes are estimates.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// Leaves of the schema: each is a column of its own in a file.
    pub(crate) columns: u64,
}

impl Reading {
    pub(crate) fn of(schema: &SchemaRef) -> Self {
        Self { columns: schema.fields().iter().map(|field| leaves(field)).sum() }
    }

    /// The file's rows, if it is to be read whole.
    pub(crate) fn whole(self, file: &LiveFile) -> Option<usize> {
        let rows = file.rows?;
        (self.decoded_bytes(file, rows) <= self.reader_bytes()).then_some(rows as usize)
    }

    /// What a file takes while it is merged.
    pub(crate) fn bytes(self, file: &LiveFile) -> u64 {
        if let Some(rows) = self.whole(file) {
            return self.decoded_bytes(file, rows as u64);
        }
        let pages = DECOMPRESSED * file.bytes.min(ROW_GROUP_BYTES);
        self.reader_bytes() + BATCH_BYTES + pages
    }

    /// As many rows as keep a batch of wide rows small.
    pub(crate) fn batch_rows<'a>(self, files: impl Iterator<Item = &'a LiveFile>) -> usize {
        let (mut bytes, mut all_rows) = (0, 0);
        for (file, rows) in files.filter_map(|file| Some((file, file.rows?))) {
            bytes += self.decoded_bytes(file, rows);
            all_rows += rows;
        }
        let row = (bytes / all_rows.max(1)).max(1);
        (BATCH_BYTES / row).clamp(BATCH_ROWS_AT_LEAST, BATCH_ROWS_AT_MOST) as usize
    }

    fn reader_bytes(self) -> u64 {
        self.columns * READER_OF_A_COLUMN
    }

    fn decoded_bytes(self, file: &LiveFile, rows: u64) -> u64 {
        let data = file.bytes.saturating_sub(self.columns * FOOTER_OF_A_COLUMN);
        rows * self.columns * DECODED_VALUE + data * DECODED
    }
}

fn leaves(field: &Field) -> u64 {
    let of_all = |fields: &[FieldRef]| fields.iter().map(|field| leaves(field)).sum();
    match field.data_type() {
        DataType::Struct(fields) => of_all(fields),
        DataType::List(item) | DataType::Map(item, _) => leaves(item),
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
