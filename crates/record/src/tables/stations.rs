//! `stations`: one row per change of a station.

use crate::cell::{self, Cell, columns, concat, total, values};
use crate::tables::{PAIRS, Pair, pairs};
use crate::{Column, Kind, STATION_COLUMNS, Station, Table, Value};

/// One change of a station.
#[derive(Debug, Clone, PartialEq)]
pub struct StationEvent {
    /// When it happened, microseconds since the Unix epoch.
    pub time: i64,
    /// What happened.
    pub event: Event,
    /// What is worth knowing about the station at this moment, such as its
    /// settings: named values.
    pub facts: Vec<Pair>,
}

/// What can happen to a station.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It started.
    Appeared,
    /// It accepts tests.
    Ready,
    /// It ends soon and lets clients finish their sessions.
    LameDuck,
    /// It accepts no test any more.
    Draining,
    /// Its last test ended.
    Drained(DrainSummary),
    /// It ended.
    Gone,
    /// Its disk took no rows for so long that memory could not hold them; the
    /// facts say how many of each table.
    RowsLost,
    /// Its spool lost batches; written by the collector in their place.
    Gap(Gap),
}

/// How a drain went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrainSummary {
    /// From the signal to the end of the last test.
    pub elapsed_us: u64,
    /// Tests that ended by themselves meanwhile.
    pub tests_finished: u64,
    /// Tests that were cut off.
    pub tests_cut_off: u64,
    /// Tests that were refused meanwhile.
    pub tests_refused: u64,
}

/// Batches that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// First sequence number.
    pub first_seq: u64,
    /// Last sequence number.
    pub last_seq: u64,
    /// Why.
    pub reason: String,
}

const DRAIN: &[Cell<DrainSummary>; 4] = &[
    Cell::new(
        1,
        "elapsed_us",
        Kind::Int,
        "us",
        "From the signal to the end of the last test.",
        |row| row.elapsed_us.into(),
    ),
    Cell::new(
        2,
        "tests_finished",
        Kind::Int,
        "count",
        "Tests that ended by themselves meanwhile.",
        |row| row.tests_finished.into(),
    ),
    Cell::new(3, "tests_cut_off", Kind::Int, "count", "Tests that were cut off.", |row| {
        row.tests_cut_off.into()
    }),
    Cell::new(
        4,
        "tests_refused",
        Kind::Int,
        "count",
        "Tests that were refused meanwhile.",
        |row| row.tests_refused.into(),
    ),
];

const GAP: &[Cell<Gap>; 3] = &[
    Cell::new(1, "first_seq", Kind::Int, "", "Sequence number of the first lost batch.", |row| {
        row.first_seq.into()
    }),
    Cell::new(2, "last_seq", Kind::Int, "", "Sequence number of the last lost batch.", |row| {
        row.last_seq.into()
    }),
    Cell::new(3, "reason", Kind::Text, "", "Why they are lost.", |row| row.reason.as_str().into()),
];

const CELLS: &[Cell<StationEvent>; 6] = &[
    Cell::new(1, "time", Kind::Time, "us", "When it happened; gives the row its date.", |row| {
        Value::time(row.time)
    }),
    Cell::new(
        2,
        "event",
        Kind::Text,
        "",
        "What happened: appeared, ready, lame_duck, draining, drained, gone, rows_lost (the disk refused them and memory was full; facts: how many by table), gap (batches lost before they reached the collector).",
        |row| row.event.name().into(),
    ),
    Cell::new(
        3,
        "facts",
        PAIRS,
        "",
        "What is worth knowing about the station at this moment, such as its settings.",
        |row| pairs(&row.facts),
    ),
    Cell::new(
        4,
        "drain",
        Kind::Struct(&columns(DRAIN)),
        "",
        "How the drain went; only of event drained.",
        |row| match &row.event {
            Event::Drained(summary) => cell::structure(DRAIN, summary),
            _ => Value::Null,
        },
    ),
    Cell::new(
        5,
        "gap",
        Kind::Struct(&columns(GAP)),
        "",
        "The lost batches; only of event gap.",
        |row| match &row.event {
            Event::Gap(gap) => cell::structure(GAP, gap),
            _ => Value::Null,
        },
    ),
    Cell::new(
        6,
        "schema_version",
        Kind::Int,
        "",
        "Version of the tables that the station wrote.",
        |_| crate::SCHEMA_VERSION.into(),
    ),
];

const PARTS: &[&[Column]] = &[&columns(CELLS), STATION_COLUMNS];

/// The table.
pub static STATIONS: Table = Table {
    name: "stations",
    doc: "One row per change of a station: appeared, ready, draining, gone, data lost.",
    columns: &concat::<{ total(PARTS) }>(PARTS),
};

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Ready => "ready",
            Self::LameDuck => "lame_duck",
            Self::Draining => "draining",
            Self::Drained(_) => "drained",
            Self::Gone => "gone",
            Self::RowsLost => "rows_lost",
            Self::Gap(_) => "gap",
        }
    }
}

impl StationEvent {
    /// The values of [`STATIONS`].
    pub fn into_row(self, station: &Station) -> Vec<Value> {
        values(CELLS, &self).chain(station.values()).collect()
    }
}
