//! A batch's payload from a station: rows within the limits, or an error.

use trigpoint_record::{Column, Kind, Table};
use trigpoint_wire::{Limits, decode, schema};

/// A column of each kind, with what stands inside of others.
pub const TABLE: Table = Table {
    name: "kinds",
    doc: "",
    columns: &[
        column(1, "int", Kind::Int),
        column(2, "float", Kind::Float),
        column(3, "text", Kind::Text),
        column(4, "bytes", Kind::Bytes),
        column(5, "time", Kind::Time),
        column(6, "bool", Kind::Bool),
        column(7, "list", Kind::List(&column(1, "item", Kind::Struct(PAIR)))),
        column(8, "struct", Kind::Struct(PAIR)),
    ],
};
const PAIR: &[Column] = &[column(1, "int", Kind::Int), column(2, "text", Kind::Text)];

const fn column(id: u32, name: &'static str, kind: Kind) -> Column {
    Column::new(id, name, kind, "", "")
}

/// The first byte says whether the rest is a payload or, if odd, the message
/// that a payload compresses: no fuzzer finds the way through zstd.
///
/// # Panics
/// When the decoder breaks a promise.
pub fn check(input: &[u8]) {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let compressed;
    let payload = if choice & 1 == 0 {
        bytes
    } else {
        compressed = zstd::bulk::compress(bytes, 1).expect("a compressor that compresses");
        &compressed
    };
    let limits = Limits { memory_bytes: 1 << 20, rows: 1 << 10, columns: 32, ..Limits::default() };
    let schema = schema(&TABLE);
    if let Ok(decoded) = decode(payload, &schema.columns, &limits) {
        assert!(decoded.rows <= limits.rows);
        for (column, array) in decoded.columns {
            assert_eq!(array.len(), decoded.rows, "{}", column.name);
        }
    }
}
