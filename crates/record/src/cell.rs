//! A column together with how a row fills it, so that the two cannot drift
//! apart; and column lists put together from parts.

use crate::{Column, Kind, Value};

/// One column of rows of type `R`.
pub(crate) struct Cell<R> {
    column: Column,
    value: fn(&R) -> Value,
}

impl<R> Cell<R> {
    pub(crate) const fn new(
        id: u32,
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        doc: &'static str,
        value: fn(&R) -> Value,
    ) -> Self {
        Self { column: Column::new(id, name, kind, unit, doc), value }
    }

    /// A cell that may hold addresses of clients.
    pub(crate) const fn with_addresses(
        id: u32,
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        doc: &'static str,
        value: fn(&R) -> Value,
    ) -> Self {
        Self { column: Column::new(id, name, kind, unit, doc).with_addresses(), value }
    }

    /// A cell that may hold addresses in the network of the client whom column
    /// `client` names.
    pub(crate) const fn with_addresses_near(
        id: u32,
        name: &'static str,
        kind: Kind,
        unit: &'static str,
        doc: &'static str,
        client: &'static str,
        value: fn(&R) -> Value,
    ) -> Self {
        let column = Column::new(id, name, kind, unit, doc).with_addresses_near(client);
        Self { column, value }
    }
}

/// The values of one row, in column order.
pub(crate) fn values<'a, R>(cells: &'a [Cell<R>], row: &'a R) -> impl Iterator<Item = Value> + 'a {
    cells.iter().map(move |cell| (cell.value)(row))
}

/// One struct value.
pub(crate) fn structure<R>(cells: &[Cell<R>], row: &R) -> Value {
    Value::Struct(values(cells, row).collect())
}

/// One list value of structs.
pub(crate) fn list<R>(cells: &[Cell<R>], rows: &[R]) -> Value {
    Value::List(rows.iter().map(|row| structure(cells, row)).collect())
}

/// The columns of all `N` cells.
pub(crate) const fn columns<R, const N: usize>(cells: &[Cell<R>; N]) -> [Column; N] {
    let mut columns = [cells[0].column; N];
    let mut at = 0;
    while at < N {
        columns[at] = cells[at].column;
        at += 1;
    }
    columns
}

/// How many columns the parts have together: the `N` of [`concat`].
pub(crate) const fn total(parts: &[&[Column]]) -> usize {
    let mut total = 0;
    let mut part = 0;
    while part < parts.len() {
        total += parts[part].len();
        part += 1;
    }
    total
}

/// All parts as one list.
pub(crate) const fn concat<const N: usize>(parts: &[&[Column]]) -> [Column; N] {
    assert!(total(parts) == N);
    let mut columns = [parts[0][0]; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut own = 0;
        while own < parts[part].len() {
            columns[at] = parts[part][own];
            own += 1;
            at += 1;
        }
        part += 1;
    }
    columns
}
