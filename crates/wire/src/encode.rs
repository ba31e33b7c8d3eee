//! Rows to a payload.

use std::collections::HashMap;

use prost::Message as _;
use trigpoint_record::{Array, Batch, Column, Kind, Values};

use crate::ingest;

/// The payload of `batch`: a zstd frame that holds one `Columns` message.
///
/// A column without a present row is left out, as is one that the collector
/// fills; values stand only for present rows.
pub fn encode(batch: &Batch) -> Vec<u8> {
    let rows: Vec<usize> = (0..batch.rows()).collect();
    let columns = ingest::Columns {
        rows: rows.len() as u64,
        columns: columns(batch.table.columns, &batch.columns, &rows),
    };
    compress(&columns.encode_to_vec())
}

fn compress(message: &[u8]) -> Vec<u8> {
    // Higher levels gain nothing here (reference/dataplane.md, section 6).
    const LEVEL: i32 = 1;
    zstd::bulk::compress(message, LEVEL).expect("zstd was given a buffer of its own bound")
}

fn columns(columns: &[Column], arrays: &[Array], rows: &[usize]) -> Vec<ingest::Column> {
    debug_assert_eq!(columns.len(), arrays.len());
    columns
        .iter()
        .zip(arrays)
        .filter(|(column, _)| !column.at_ingest)
        .filter_map(|(column, array)| self::column(column, array, rows))
        .collect()
}

/// The rows of `array` whose slots are `rows`; none when all are absent.
fn column(column: &Column, array: &Array, rows: &[usize]) -> Option<ingest::Column> {
    let present: Vec<usize> = rows.iter().copied().filter(|&row| array.present[row]).collect();
    if present.is_empty() {
        return None;
    }
    let mut sent = ingest::Column { id: column.id, ..ingest::Column::default() };
    if present.len() < rows.len() {
        sent.present = bits(rows.iter().map(|&row| array.present[row]));
    }
    match (&array.values, column.kind) {
        (Values::Int(values), _) => sent.deltas = deltas(present.iter().map(|&row| values[row])),
        (Values::Float(values), _) => {
            sent.floats = present.iter().map(|&row| values[row]).collect();
        }
        (Values::Text(values), _) => {
            (sent.dictionary, sent.dictionary_indices) =
                dictionary(present.iter().map(|&row| values[row].as_str()));
        }
        (Values::Bytes(values), _) => {
            sent.blobs = present.iter().map(|&row| values[row].clone()).collect();
        }
        (Values::Bool(values), _) => sent.bits = bits(present.iter().map(|&row| values[row])),
        (Values::List { lengths, items }, Kind::List(item)) => {
            sent.lengths = present.iter().map(|&row| lengths[row]).collect();
            sent.children =
                self::column(item, items, &item_slots(lengths, &present)).into_iter().collect();
        }
        (Values::Struct(arrays), Kind::Struct(fields)) => {
            sent.children = columns(fields, arrays, &present);
        }
        (Values::List { .. } | Values::Struct(_), kind) => {
            debug_assert!(false, "column `{}` of kind {} holds others", column.name, kind.name());
            return None;
        }
    }
    Some(sent)
}

/// The item slots of the lists in `rows`, which rise.
fn item_slots(lengths: &[u32], rows: &[usize]) -> Vec<usize> {
    let mut slots = Vec::new();
    let (mut row, mut first) = (0, 0);
    for &wanted in rows {
        first += lengths[row..wanted].iter().map(|&length| length as usize).sum::<usize>();
        row = wanted;
        slots.extend(first..first + lengths[wanted] as usize);
    }
    slots
}

fn deltas(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut previous = 0_i64;
    values.map(|value| value.wrapping_sub(std::mem::replace(&mut previous, value))).collect()
}

fn dictionary<'a>(values: impl Iterator<Item = &'a str>) -> (Vec<String>, Vec<u32>) {
    let mut dictionary = Vec::new();
    let mut known = HashMap::new();
    let indices = values
        .map(|value| {
            *known.entry(value).or_insert_with(|| {
                dictionary.push(value.to_owned());
                dictionary.len() as u32 - 1
            })
        })
        .collect();
    (dictionary, indices)
}

/// One bit per flag, least significant first.
fn bits(flags: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut bits = vec![0; flags.len().div_ceil(8)];
    for (position, flag) in flags.enumerate() {
        bits[position / 8] |= u8::from(flag) << (position % 8);
    }
    bits
}
