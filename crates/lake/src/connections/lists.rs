//! What a connection takes of its snapshots, as it grows.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray, UInt64Array, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;

/// What the column has.
#[derive(Debug, Clone)]
pub(super) enum Taken {
    /// Lists of elements of this type.
    Lists(FieldRef),
    /// How long they are: `array_length` of each.
    Lengths,
}

impl Taken {
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Lists(item) => DataType::List(Arc::clone(item)),
            Self::Lengths => DataType::UInt64,
        }
    }
}

/// Slices of batches, which are copied into lists at the end.
pub(super) struct Lists {
    taken: Taken,
    lengths: Vec<usize>,
    /// Elements of the list that has not ended.
    open: usize,
    pieces: Vec<(ArrayRef, Range<usize>)>,
    /// Elements of the batches that they are slices of.
    held: usize,
}

impl Lists {
    pub(super) fn new(taken: Taken) -> Self {
        Self { taken, lengths: Vec::new(), open: 0, pieces: Vec::new(), held: 0 }
    }

    /// Elements that are in memory.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Adds rows of a batch, whose elements are `items`, to the list that has not ended.
    pub(super) fn extend(&mut self, items: Option<&ArrayRef>, rows: Range<usize>) {
        if rows.is_empty() {
            return;
        }
        self.open += rows.len();
        let Some(items) = items else { return };
        match self.pieces.last_mut() {
            Some((last, taken)) if Arc::ptr_eq(last, items) && taken.end == rows.start => {
                taken.end = rows.end;
                return;
            }
            Some((last, _)) if Arc::ptr_eq(last, items) => {}
            _ => self.held += items.len(),
        }
        self.pieces.push((Arc::clone(items), rows));
    }

    /// Ends a list.
    pub(super) fn end(&mut self) {
        self.lengths.push(std::mem::take(&mut self.open));
    }

    /// The lists that have ended, which are then no longer here.
    pub(super) fn take(&mut self) -> Result<ArrayRef> {
        let ended = std::mem::replace(self, Self::new(self.taken.clone()));
        let Taken::Lists(item) = ended.taken else {
            let lengths = ended.lengths.into_iter().map(|length| length as u64);
            return Ok(Arc::new(UInt64Array::from_iter_values(lengths)));
        };
        let slices: Vec<ArrayRef> = ended
            .pieces
            .into_iter()
            .map(|(items, rows)| items.slice(rows.start, rows.len()))
            .collect();
        let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
        let elements = match slices.as_slice() {
            [] => new_empty_array(item.data_type()),
            slices => concat(slices)?,
        };
        let offsets = OffsetBuffer::from_lengths(ended.lengths);
        Ok(Arc::new(ListArray::try_new(item, offsets, elements, None)?))
    }
}
