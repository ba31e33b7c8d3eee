//! Kernel structures in rows: either flat in the table, or as one struct.
//!
//! The id of a kernel field's column is 1000 plus its bit offset, which the
//! kernel's ABI keeps stable; its bytes can be rebuilt from the columns, the
//! stored length and the stored tail.

use trigpoint_tcpinfo::{Block, FIELD_COUNT, FIELDS, Field, Layout, TcpInfo};

use crate::cell::concat;
use crate::{Array, Batch, Column, Kind, Value, Values};

/// Id of the column of the field at bit 0.
const FIRST_FIELD_ID: u32 = 1000;

const LEN: &str = "tcp_info_len_bytes";
const TAIL: &str = "tcp_info_tail";

/// `struct tcp_info` flat in a table: its length, its fields and its tail.
pub(crate) const TCP_INFO: &[Column; FIELD_COUNT + 2] = &{
    let len = Column::new(
        800,
        LEN,
        Kind::Int,
        "bytes",
        "Length of struct tcp_info as this kernel gave it; later fields are NULL. NULL where the socket had none.",
    );
    let tail = Column::new(
        801,
        TAIL,
        Kind::Bytes,
        "",
        "Bytes of struct tcp_info after the last known field; NULL where there are none.",
    );
    concat::<{ FIELD_COUNT + 2 }>(&[&[len], &field_columns(FIELDS), &[tail]])
};

/// One column per field.
const fn field_columns<const N: usize>(fields: &[Field; N]) -> [Column; N] {
    let mut columns = [Column::new(0, "", Kind::Int, "", ""); N];
    let mut at = 0;
    while at < N {
        let field = &fields[at];
        let id = FIRST_FIELD_ID + field.bit_offset as u32;
        columns[at] = Column::new(id, field.name, Kind::Int, field.unit.name(), field.doc);
        at += 1;
    }
    columns
}

/// The fields of the struct that holds a kernel structure; `M` is `N + 2`.
pub(crate) const fn structure_columns<const N: usize, const M: usize>(
    fields: &[Field; N],
) -> [Column; M] {
    let len = Column::new(
        1,
        "len_bytes",
        Kind::Int,
        "bytes",
        "Length as the kernel gave it; later fields are NULL.",
    );
    let tail = Column::new(
        2,
        "tail",
        Kind::Bytes,
        "",
        "Bytes after the last known field; NULL where there are none.",
    );
    concat::<M>(&[&[len], &field_columns(fields), &[tail]])
}

/// The values of [`TCP_INFO`].
pub(crate) fn tcp_info_values(info: Option<&TcpInfo>) -> Vec<Value> {
    match info {
        Some(info) => values(info),
        None => vec![Value::Null; TCP_INFO.len()],
    }
}

/// The value of a struct of [`structure_columns`].
pub(crate) fn structure<L: Layout<N>, const N: usize>(block: Option<&Block<L, N>>) -> Value {
    block.map_or(Value::Null, |block| Value::Struct(values(block)))
}

fn values<L: Layout<N>, const N: usize>(block: &Block<L, N>) -> Vec<Value> {
    let len = Value::Int(block.len() as i64);
    let fields = (0..N).map(|index| block.get(index).into());
    let tail = Some(block.tail()).filter(|tail| !tail.is_empty());
    let tail = tail.map_or(Value::Null, |tail| Value::Bytes(tail.to_vec()));
    std::iter::once(len).chain(fields).chain([tail]).collect()
}

/// The `struct tcp_info` of a row of a table that holds it flat: exactly what
/// the kernel said.  `None` where the row has none, or where its columns were
/// not written by this crate and contradict each other.
pub fn tcp_info(batch: &Batch, row: usize) -> Option<TcpInfo> {
    let first = batch.table.columns.iter().position(|column| column.name == LEN)?;
    rebuild(&batch.columns[first..first + TCP_INFO.len()], row)
}

/// The kernel structure in a row of a column that holds it as one struct, such
/// as `meminfo` of snapshots; `None` where the row has none.
pub fn block<L: Layout<N>, const N: usize>(array: &Array, row: usize) -> Option<Block<L, N>> {
    match &array.values {
        Values::Struct(fields) if *array.present.get(row)? && fields.len() == N + 2 => {
            rebuild(fields, row)
        }
        _ => None,
    }
}

fn rebuild<L: Layout<N>, const N: usize>(arrays: &[Array], row: usize) -> Option<Block<L, N>> {
    let len = usize::try_from(arrays[0].int(row)?).ok()?;
    let tail = arrays[N + 1].bytes(row).unwrap_or_default();
    Block::from_columns(len, |index| arrays[index + 1].int(row).map(|value| value as u64), tail)
}
