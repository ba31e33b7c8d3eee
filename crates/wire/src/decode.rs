//! A payload to rows. The payload comes from the network: it is hostile.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use prost::Message as _;
use trigpoint_record::{Array, Values};

use crate::{
    DEPTH, Limits,
    budget::Budget,
    ingest::{self, ColumnSchema, Kind},
    scan::scan,
};

/// The rows of a batch, by the columns that its station described.
#[derive(Debug)]
pub struct Columns<'a> {
    /// Number of rows.
    pub rows: usize,
    /// The columns that were sent, each of `rows` rows; every other column of
    /// the table is absent in all rows. Structs have all fields of the schema.
    pub columns: Vec<(&'a ColumnSchema, Array)>,
}

/// A payload cannot be turned into rows, today or on another try.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The payload is too long.
    #[error("payload of {bytes} bytes is above the limit of {limit}")]
    Payload {
        /// Its length.
        bytes: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// The payload is no zstd frame, or a broken one.
    #[error("decompress payload: {0}")]
    Compression(#[source] io::Error),
    /// What the payload decompresses to is too long.
    #[error("decompressed payload is above the limit of {limit} bytes")]
    Message {
        /// The longest that is allowed.
        limit: usize,
    },
    /// The message would take too much memory.
    #[error("decoded rows are above the limit of {limit} bytes of memory")]
    Memory {
        /// The most that is allowed.
        limit: usize,
    },
    /// The message has too many columns.
    #[error("batch has more than {limit} columns")]
    Columns {
        /// The most that is allowed.
        limit: usize,
    },
    /// The message has too many rows.
    #[error("batch of {rows} rows is above the limit of {limit}")]
    Rows {
        /// Rows that it claims.
        rows: u64,
        /// The most that is allowed.
        limit: usize,
    },
    /// Columns stand deeper in each other than [`DEPTH`].
    #[error("columns are nested more than {DEPTH} deep")]
    Depth,
    /// The decompressed bytes are no protobuf message.
    #[error("payload holds no protobuf message")]
    Malformed,
    /// The decompressed bytes are another protobuf message.
    #[error("decode message: {0}")]
    Protobuf(#[from] prost::DecodeError),
    /// A column that the station did not describe.
    #[error("column {id} was not described")]
    Unknown {
        /// The column's id.
        id: u32,
    },
    /// A column that stands twice.
    #[error("column {id} stands twice")]
    Duplicate {
        /// The column's id.
        id: u32,
    },
    /// A column's kind is not one of this version's.
    #[error("column `{column}` has an unknown kind")]
    Kind {
        /// The column's name.
        column: String,
    },
    /// A column has more or fewer values than it should.
    #[error("column `{column}` has {found} {what} where {expected} are due")]
    Length {
        /// The column's name.
        column: String,
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A text that is not in the dictionary.
    #[error("column `{column}` refers to text {index} of {texts}")]
    Index {
        /// The column's name.
        column: String,
        /// Where it points.
        index: u32,
        /// Texts in the dictionary.
        texts: usize,
    },
}

/// The rows of `payload`, whose station described its columns as `schema`.
///
/// Whatever the bytes are, this neither panics nor allocates much more than
/// `limits` allow.
pub fn decode<'a>(
    payload: &[u8],
    schema: &'a [ColumnSchema],
    limits: &Limits,
) -> Result<Columns<'a>, DecodeError> {
    let message = decompress(payload, limits)?;
    let mut budget = Budget::new(limits);
    scan(&message, &mut budget)?;
    let columns = ingest::Columns::decode(message.as_slice())?;
    drop(message);
    let rows = usize::try_from(columns.rows)
        .ok()
        .filter(|&rows| rows <= limits.rows)
        .ok_or(DecodeError::Rows { rows: columns.rows, limit: limits.rows })?;
    let every_row = vec![true; rows];
    let mut sent = by_id(columns.columns)?;
    let mut decoded = Vec::with_capacity(sent.len());
    for schema in schema {
        if let Some(column) = sent.remove(&schema.id) {
            decoded.push((schema, array(column, schema, &every_row, 1, &mut budget)?));
        }
    }
    none_left(&sent)?;
    Ok(Columns { rows, columns: decoded })
}

fn decompress(payload: &[u8], limits: &Limits) -> Result<Vec<u8>, DecodeError> {
    // A frame may ask for a window of its own choice; ours are far smaller.
    const WINDOW_BYTES_LOG2: u32 = 23;
    if payload.len() > limits.payload_bytes {
        return Err(DecodeError::Payload { bytes: payload.len(), limit: limits.payload_bytes });
    }
    let mut frame =
        zstd::stream::read::Decoder::with_buffer(payload).map_err(DecodeError::Compression)?;
    frame.window_log_max(WINDOW_BYTES_LOG2).map_err(DecodeError::Compression)?;
    let mut message = Vec::new();
    frame
        .take(limits.message_bytes as u64 + 1)
        .read_to_end(&mut message)
        .map_err(DecodeError::Compression)?;
    if message.len() > limits.message_bytes {
        return Err(DecodeError::Message { limit: limits.message_bytes });
    }
    Ok(message)
}

/// The array of a column that was sent with a row for each live slot.
///
/// Slots are dead where the struct around them is absent: the array has them,
/// the wire has not.
fn array(
    sent: ingest::Column,
    schema: &ColumnSchema,
    live: &[bool],
    depth: usize,
    budget: &mut Budget,
) -> Result<Array, DecodeError> {
    if depth > DEPTH {
        return Err(DecodeError::Depth);
    }
    budget.spend(live.len(), 1 + slot_bytes(schema.kind()))?;
    let present = present(&sent.present, schema, live)?;
    let expected = count(&present);
    let due = |what, expected, found| due(schema, what, expected, found);
    let values = match schema.kind() {
        Kind::Unspecified => return Err(DecodeError::Kind { column: schema.name.clone() }),
        Kind::Int | Kind::Time => {
            due("integers", expected, sent.deltas.len())?;
            let mut value = 0_i64;
            Values::Int(spread(
                &present,
                sent.deltas.iter().map(|&delta| {
                    value = value.wrapping_add(delta);
                    value
                }),
            ))
        }
        Kind::Float => {
            due("floats", expected, sent.floats.len())?;
            Values::Float(spread(&present, sent.floats.iter().copied()))
        }
        Kind::Text => {
            due("texts", expected, sent.dictionary_indices.len())?;
            let texts = texts(&sent, schema, budget)?;
            Values::Text(spread(&present, texts.into_iter().map(str::to_owned)))
        }
        Kind::Bytes => {
            due("byte strings", expected, sent.blobs.len())?;
            Values::Bytes(spread(&present, sent.blobs.into_iter()))
        }
        Kind::Bool => {
            due("bytes of flags", expected.div_ceil(8), sent.bits.len())?;
            Values::Bool(spread(&present, flags(&sent.bits)))
        }
        Kind::List => {
            due("lengths", expected, sent.lengths.len())?;
            let total: u64 = sent.lengths.iter().map(|&length| u64::from(length)).sum();
            let total = usize::try_from(total).unwrap_or(usize::MAX);
            budget.spend(total, 1)?;
            let item = fields(sent.children, &schema.children, &vec![true; total], depth, budget)?;
            let [item] = <[Array; 1]>::try_from(item)
                .map_err(|_| DecodeError::Kind { column: schema.name.clone() })?;
            let lengths = spread(&present, sent.lengths.into_iter());
            Values::List { lengths, items: Box::new(item) }
        }
        Kind::Struct => {
            Values::Struct(fields(sent.children, &schema.children, &present, depth, budget)?)
        }
    };
    Ok(Array { present, values })
}

/// An array for each described child; one that was not sent is absent everywhere.
fn fields(
    sent: Vec<ingest::Column>,
    schema: &[ColumnSchema],
    live: &[bool],
    depth: usize,
    budget: &mut Budget,
) -> Result<Vec<Array>, DecodeError> {
    let mut sent = by_id(sent)?;
    let mut arrays = Vec::new();
    for schema in schema {
        arrays.push(match sent.remove(&schema.id) {
            Some(column) => array(column, schema, live, depth + 1, budget)?,
            None => absent(schema, live.len(), depth + 1, budget)?,
        });
    }
    none_left(&sent)?;
    Ok(arrays)
}

/// An array of `rows` absent rows.
fn absent(
    schema: &ColumnSchema,
    rows: usize,
    depth: usize,
    budget: &mut Budget,
) -> Result<Array, DecodeError> {
    let dead = vec![false; rows];
    array(ingest::Column::default(), schema, &dead, depth, budget)
}

fn by_id(columns: Vec<ingest::Column>) -> Result<BTreeMap<u32, ingest::Column>, DecodeError> {
    let mut by_id = BTreeMap::new();
    for column in columns {
        if let Some(column) = by_id.insert(column.id, column) {
            return Err(DecodeError::Duplicate { id: column.id });
        }
    }
    Ok(by_id)
}

fn none_left(columns: &BTreeMap<u32, ingest::Column>) -> Result<(), DecodeError> {
    columns.keys().next().map_or(Ok(()), |&id| Err(DecodeError::Unknown { id }))
}

/// Which slots hold a value: `bits` has one bit per live slot, or is empty when
/// all of them do.
fn present(bits: &[u8], schema: &ColumnSchema, live: &[bool]) -> Result<Vec<bool>, DecodeError> {
    if bits.is_empty() {
        return Ok(live.to_vec());
    }
    due(schema, "bytes of presence", count(live).div_ceil(8), bits.len())?;
    let mut flags = flags(bits);
    Ok(live.iter().map(|&live| live && flags.next().unwrap_or_default()).collect())
}

fn due(
    schema: &ColumnSchema,
    what: &'static str,
    expected: usize,
    found: usize,
) -> Result<(), DecodeError> {
    if expected == found {
        return Ok(());
    }
    Err(DecodeError::Length { column: schema.name.clone(), what, expected, found })
}

/// The texts that the indices mean, paid for as often as they are meant.
fn texts<'a>(
    sent: &'a ingest::Column,
    schema: &ColumnSchema,
    budget: &mut Budget,
) -> Result<Vec<&'a str>, DecodeError> {
    let mut texts = Vec::with_capacity(sent.dictionary_indices.len());
    for &index in &sent.dictionary_indices {
        let text = sent.dictionary.get(index as usize).ok_or_else(|| DecodeError::Index {
            column: schema.name.clone(),
            index,
            texts: sent.dictionary.len(),
        })?;
        budget.spend(1, text.len())?;
        texts.push(text.as_str());
    }
    Ok(texts)
}

/// The next value in each present slot, and the default in the others.
fn spread<T: Default>(present: &[bool], mut values: impl Iterator<Item = T>) -> Vec<T> {
    present
        .iter()
        .map(|&present| if present { values.next().unwrap_or_default() } else { T::default() })
        .collect()
}

fn flags(bits: &[u8]) -> impl Iterator<Item = bool> {
    bits.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1))
}

fn count(flags: &[bool]) -> usize {
    flags.iter().filter(|&&flag| flag).count()
}

fn slot_bytes(kind: Kind) -> usize {
    match kind {
        Kind::Unspecified | Kind::Struct => 0,
        Kind::Int | Kind::Time | Kind::Float => 8,
        Kind::Text | Kind::Bytes => size_of::<Vec<u8>>(),
        Kind::Bool => 1,
        Kind::List => 4,
    }
}
