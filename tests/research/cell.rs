//! Values that an answer has to have, and how close it must come to them.

use std::collections::BTreeMap;

use serde_json::Value;

/// Of floats, relative; of what is rounded to hundredths, half of one beside.
pub(crate) const CLOSE: f64 = 1e-9;
/// Of quantiles, as a share of the group; where that is less than one of its values,
/// one value.
const RANK_ERROR: f64 = 0.005;

#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Int(i64),
    /// Microseconds since the Unix epoch.
    Time(i64),
    Float(f64),
    /// What is to be rounded to hundredths.
    Rounded(f64),
    Quantile {
        /// In order.
        values: Vec<f64>,
        fraction: f64,
        is_rounded: bool,
    },
}

/// The rows that answer a query.
pub(crate) struct Answer {
    pub(crate) rows: Vec<Vec<Cell>>,
    order: Order,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As the query says.
    Given,
    /// The query gives none, or one that leaves some open.
    Any,
    /// No more than so many of the rows, in any order.
    AtMost(usize),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<usize> for Cell {
    fn from(value: usize) -> Self {
        Self::Int(value as i64)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl Cell {
    pub(crate) fn time(text: &str) -> Self {
        Self::Time(microseconds(text).unwrap())
    }

    pub(crate) fn quantile(values: &[f64], fraction: f64) -> Self {
        let mut values = values.to_vec();
        values.sort_unstable_by(f64::total_cmp);
        Self::Quantile { values, fraction, is_rounded: false }
    }

    pub(crate) fn rounded_quantile(values: &[f64], fraction: f64) -> Self {
        let mut cell = Self::quantile(values, fraction);
        if let Self::Quantile { is_rounded, .. } = &mut cell {
            *is_rounded = true;
        }
        cell
    }

    fn is(&self, found: &Value) -> bool {
        match self {
            Self::Null => found.is_null(),
            Self::Text(text) => found == text.as_str(),
            Self::Int(integer) => found.as_i64() == Some(*integer),
            Self::Time(time) => found.as_str().and_then(microseconds) == Some(*time),
            Self::Float(float) => {
                found.as_f64().is_some_and(|found| (found - float).abs() <= CLOSE * float.abs())
            }
            Self::Rounded(float) => found
                .as_f64()
                .is_some_and(|found| (found - float).abs() <= 0.005 + CLOSE * float.abs()),
            Self::Quantile { values, fraction, is_rounded } => {
                found.as_f64().is_some_and(|found| {
                    let margin = if *is_rounded { 0.005 } else { 0.0 } + CLOSE * found.abs();
                    let count = values.len() as f64;
                    let rank = |value: f64| values.partition_point(|it| *it < value) as f64 / count;
                    let (from, to) = (rank(found - margin), rank(found + margin));
                    let allowed = RANK_ERROR.max(1.0 / count);
                    from - allowed <= *fraction && *fraction <= to + allowed
                })
            }
        }
    }

    /// Tells rows apart; none of what is not compared exactly.
    fn key(&self) -> Option<String> {
        match self {
            Self::Null => Some(String::new()),
            Self::Text(text) => Some(text.clone()),
            Self::Int(integer) => Some(integer.to_string()),
            Self::Time(time) => Some(format!("{time} us")),
            Self::Float(_) | Self::Rounded(_) | Self::Quantile { .. } => None,
        }
    }
}

/// The [`Cell::key`] of a cell that is as it was found.
fn key_of(found: &Value) -> String {
    match found {
        Value::Null => String::new(),
        Value::String(text) => {
            microseconds(text).map_or_else(|| text.clone(), |time| format!("{time} us"))
        }
        other => other.to_string(),
    }
}

/// Since the Unix epoch; none of what is no time.
pub(crate) fn microseconds(text: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp_micros())
}

impl Answer {
    /// In the order in which they are given.
    pub(crate) fn sorted(rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        Self { rows: rows.collect(), order: Order::Given }
    }

    /// The greatest first.
    pub(crate) fn descending(rows: impl Iterator<Item = (f64, Vec<Cell>)>) -> Self {
        Self::ascending(rows.map(|(by, row)| (-by, row)).collect())
    }

    /// The least first.
    pub(crate) fn ascending(mut rows: Vec<(f64, Vec<Cell>)>) -> Self {
        rows.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Self::sorted(rows.into_iter().map(|(_, row)| row))
    }

    pub(crate) fn any(rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        Self { rows: rows.collect(), order: Order::Any }
    }

    /// At most so many of the rows.
    pub(crate) fn at_most(limit: usize, rows: impl Iterator<Item = Vec<Cell>>) -> Self {
        Self { rows: rows.collect(), order: Order::AtMost(limit) }
    }

    /// What is wrong with the rows that an engine found.
    pub(crate) fn fault(&self, found: &[Vec<Value>]) -> Option<String> {
        let count = match self.order {
            Order::AtMost(limit) => self.rows.len().min(limit),
            Order::Given | Order::Any => self.rows.len(),
        };
        if found.len() != count {
            return Some(format!("{} rows, and not {count}", found.len()));
        }
        if self.order == Order::Given {
            let mut pairs = self.rows.iter().zip(found);
            return pairs.find_map(|(expected, found)| fault_of_row(expected, found));
        }
        let is_exact = |at: &usize| self.rows.iter().all(|row| row[*at].key().is_some());
        let width = self.rows.first().map_or(0, Vec::len);
        let exact: Vec<_> = (0..width).filter(is_exact).collect();
        let key = |row: &Vec<Cell>| exact.iter().filter_map(|at| row[*at].key()).collect();
        let mut missing: BTreeMap<Vec<String>, _> =
            self.rows.iter().map(|row| (key(row), row)).collect();
        assert_eq!(missing.len(), self.rows.len(), "rows of the answer cannot be told apart");
        found.iter().find_map(|row| {
            let key: Vec<_> = exact.iter().filter_map(|at| row.get(*at)).map(key_of).collect();
            match missing.remove(&key) {
                Some(expected) => fault_of_row(expected, row),
                None => Some(format!("{row:?} is no row of the answer, or there twice")),
            }
        })
    }
}

fn fault_of_row(expected: &[Cell], found: &[Value]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} columns, and not {}", found.len(), expected.len()));
    }
    let mut cells = expected.iter().zip(found);
    let (cell, value) = cells.find(|(cell, value)| !cell.is(value))?;
    let cell = match cell {
        Cell::Quantile { values, fraction, .. } => {
            let exact = values[((values.len() - 1) as f64 * fraction) as usize];
            format!("the {fraction}-quantile of {} values, {exact}", values.len())
        }
        other => format!("{other:?}"),
    };
    Some(format!("{value}, and not {cell}, in {found:?}"))
}
