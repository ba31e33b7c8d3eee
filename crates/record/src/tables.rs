//! Every table: its columns, and the rows that fill them.

pub mod annotation;
pub mod flows;
pub mod snapshots;
pub mod speed_tests;
pub mod stations;
pub mod traces;

pub use flows::FLOWS;
pub use snapshots::SNAPSHOTS;
pub use speed_tests::SPEED_TESTS;
pub use stations::STATIONS;
pub use traces::TRACES;

use crate::cell::{Cell, columns};
use crate::{Column, Kind, Table, Value};

/// Every table, in the order in which a group of batches is committed: a test
/// that is visible has its snapshots.
pub static TABLES: &[&Table] = &[&SNAPSHOTS, &FLOWS, &SPEED_TESTS, &TRACES, &STATIONS];

/// The table of this name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}

/// What the collector adds to the rows of every table; stations never send it,
/// so the ids are no wire names.  What it adds to some stands in their columns
/// ([`Column::at_ingest`]).  Storage keeps `date` as a date, the partition of the
/// table, and `unmapped` as a map from column id to integer.
pub const INGEST_COLUMNS: &[Column] = &[
    Column::new(
        950,
        "date",
        Kind::Time,
        "",
        "UTC date of opened_time, or of time where a table has no flows; the partition.",
    ),
    Column::new(951, "spool_id", Kind::Text, "", "Station's spool that the row came through."),
    Column::new(
        952,
        "batch_seq",
        Kind::Int,
        "",
        "Sequence number, within the spool, of the batch that brought the row.",
    ),
    Column::new(
        953,
        "unmapped",
        Kind::Struct(&[]),
        "",
        "Integer columns of a newer station that this collector does not know: column id to value.",
    ),
];

/// A name and a value, as tables hold metadata and facts.
pub type Pair = (String, String);

const PAIR: &[Cell<Pair>; 2] = &[
    Cell::new(1, "name", Kind::Text, "", "Name.", |row| row.0.as_str().into()),
    Cell::new(2, "value", Kind::Text, "", "Value.", |row| row.1.as_str().into()),
];

const PAIR_ITEM: Column =
    Column::new(1, "item", Kind::Struct(&columns(PAIR)), "", "A name and a value.");

/// Kind of a column of [`Pair`]s.
const PAIRS: Kind = Kind::List(&PAIR_ITEM);

fn pairs(pairs: &[Pair]) -> Value {
    crate::cell::list(PAIR, pairs)
}
