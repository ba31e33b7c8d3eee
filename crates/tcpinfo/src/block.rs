//! One kernel structure of any length, decoded.

use std::fmt;
use std::marker::PhantomData;

use crate::Layout;

/// A structure as far as the kernel filled it: whole fields as numbers, and
/// whatever follows the last whole field as bytes.
///
/// Kernels append fields, so a shorter structure is an older kernel's and its
/// later fields are absent; a longer one is a newer kernel's and its unknown
/// end is kept.  `decode` and `encode` are exact inverses at every length.
#[derive(Clone, PartialEq, Eq)]
pub struct Block<L, const N: usize> {
    values: [u64; N],
    /// How many fields, counted from the first, the bytes held whole.
    whole: usize,
    tail: Vec<u8>,
    layout: PhantomData<L>,
}

impl<L: Layout<N>, const N: usize> Block<L, N> {
    /// Decodes a structure of any length.
    pub fn decode(bytes: &[u8]) -> Self {
        let whole = whole_fields::<L, N>(bytes.len());
        let mut values = [0; N];
        for (value, field) in values[..whole].iter_mut().zip(L::FIELDS) {
            *value = field.read(bytes);
        }
        let tail = bytes[end::<L, N>(whole)..].to_vec();
        Self { values, whole, tail, layout: PhantomData }
    }

    /// The bytes that were decoded.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len());
        bytes.resize(end::<L, N>(self.whole), 0);
        for (value, field) in self.values[..self.whole].iter().zip(L::FIELDS) {
            field.write(*value, &mut bytes);
        }
        bytes.extend_from_slice(&self.tail);
        bytes
    }

    /// Rebuilds a structure of `len` bytes from stored columns, the inverse of
    /// [`Self::get`], [`Self::len`] and [`Self::tail`].
    ///
    /// An absent column of a field within `len` stands for the field's "not
    /// set" value.  `None` when the columns contradict each other: a field
    /// within `len` that is absent without having such a value, a value wider
    /// than its field, or a tail of another length than `len` leaves room for.
    pub fn from_columns(
        len: usize,
        column: impl Fn(usize) -> Option<u64>,
        tail: &[u8],
    ) -> Option<Self> {
        let whole = whole_fields::<L, N>(len);
        if end::<L, N>(whole) + tail.len() != len {
            return None;
        }
        let mut values = [0; N];
        for (index, field) in L::FIELDS.iter().enumerate().take(whole) {
            values[index] = column(index).or(field.absent).filter(|value| *value <= field.max())?;
        }
        Some(Self { values, whole, tail: tail.to_vec(), layout: PhantomData })
    }

    /// A field's value; `None` where the structure ends before it or the
    /// kernel says that it is not set.
    pub fn get(&self, index: usize) -> Option<u64> {
        self.raw(index).filter(|value| L::FIELDS[index].absent != Some(*value))
    }

    /// A field's bits as the kernel wrote them, "not set" included; `None`
    /// where the structure ends before the field.
    pub fn raw(&self, index: usize) -> Option<u64> {
        self.values[..self.whole].get(index).copied()
    }

    /// Length of the structure in bytes.
    #[expect(clippy::len_without_is_empty, reason = "a length in bytes, not of a collection")]
    pub fn len(&self) -> usize {
        end::<L, N>(self.whole) + self.tail.len()
    }

    /// The bytes after the last whole field.
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }
}

impl<L: Layout<N>, const N: usize> fmt::Debug for Block<L, N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = formatter.debug_map();
        for (index, field) in L::FIELDS.iter().enumerate() {
            if let Some(value) = self.get(index) {
                map.entry(&format_args!("{}", field.name), &value);
            }
        }
        if !self.tail.is_empty() {
            map.entry(&format_args!("tail"), &self.tail);
        }
        map.finish()
    }
}

/// How many fields, counted from the first, lie whole within `len` bytes.
fn whole_fields<L: Layout<N>, const N: usize>(len: usize) -> usize {
    L::FIELDS.partition_point(|field| field.end() <= len)
}

/// Bytes that the first `whole` fields take.
fn end<L: Layout<N>, const N: usize>(whole: usize) -> usize {
    whole.checked_sub(1).map_or(0, |last| L::FIELDS[last].end())
}
