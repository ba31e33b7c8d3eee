//! One row on its way into the arrays of a batch, column by column and without
//! a [`Value`](crate::Value) per cell: the sampler's way.

use std::slice::IterMut;

use trigpoint_tcpinfo::{Block, Layout};

use crate::{Array, Values};

/// Appends to one array after the other.
pub(crate) struct Filling<'a> {
    arrays: IterMut<'a, Array>,
}

impl<'a> Filling<'a> {
    pub(crate) fn new(arrays: &'a mut [Array]) -> Self {
        Self { arrays: arrays.iter_mut() }
    }

    pub(crate) fn int(&mut self, value: Option<i64>) {
        self.next(|array| array.push_int(value));
    }

    pub(crate) fn text(&mut self, value: Option<&str>) {
        self.next(|array| array.push_text(value));
    }

    /// A length, the fields and a tail: a kernel structure that is flat in the table.
    pub(crate) fn kernel<L: Layout<N>, const N: usize>(&mut self, block: Option<&Block<L, N>>) {
        self.int(block.map(|block| block.len() as i64));
        for index in 0..N {
            self.int(block.and_then(|block| block.get(index)).map(|value| value as i64));
        }
        let tail = block.map(Block::tail).filter(|tail| !tail.is_empty());
        self.next(|array| array.push_bytes(tail));
    }

    /// A kernel structure that is a struct of one column.
    pub(crate) fn structure<L: Layout<N>, const N: usize>(&mut self, block: Option<&Block<L, N>>) {
        self.next(|array| match (&mut array.values, block) {
            (Values::Struct(fields), Some(_)) => {
                Filling::new(fields).kernel(block);
                array.present.push(true);
            }
            _ => array.push_null(),
        });
    }

    /// Any other column.
    pub(crate) fn next(&mut self, push: impl FnOnce(&mut Array)) {
        let array = self.arrays.next();
        debug_assert!(array.is_some(), "the row has more values than the table has columns");
        if let Some(array) = array {
            push(array);
        }
    }

    /// Whether every column has its value.
    pub(crate) fn is_complete(&self) -> bool {
        self.arrays.len() == 0
    }
}
