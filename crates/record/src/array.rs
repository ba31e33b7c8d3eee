//! Rows in memory, column by column: what the sampler fills, what the wire
//! carries, and what the lake turns into Arrow.

use crate::{Column, Kind, Table};

/// The values of one column over some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// One flag per row; absent rows hold an unspecified value in `values`.
    pub present: Vec<bool>,
    /// One slot per row, present or not.
    pub values: Values,
}

/// The slots of an array, by kind. `Time` is `Int` microseconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `Kind::Int` and `Kind::Time`.
    Int(Vec<i64>),
    /// `Kind::Float`.
    Float(Vec<f64>),
    /// `Kind::Text`.
    Text(Vec<String>),
    /// `Kind::Bytes`.
    Bytes(Vec<Vec<u8>>),
    /// `Kind::Bool`.
    Bool(Vec<bool>),
    /// `Kind::List`: items per row (0 where absent), and the items of all rows.
    List {
        /// Items per row.
        lengths: Vec<u32>,
        /// The items of all rows, one after the other.
        items: Box<Array>,
    },
    /// `Kind::Struct`: one array per field, each with a slot for every row.
    Struct(Vec<Array>),
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Absent: unknown, not applicable, or not reported by this kernel.
    Null,
    /// `Kind::Int`.
    Int(i64),
    /// `Kind::Float`.
    Float(f64),
    /// `Kind::Text`.
    Text(String),
    /// `Kind::Bytes`.
    Bytes(Vec<u8>),
    /// `Kind::Time`, microseconds since the Unix epoch.
    Time(i64),
    /// `Kind::Bool`.
    Bool(bool),
    /// `Kind::List`.
    List(Vec<Value>),
    /// `Kind::Struct`, a value per field in column order.
    Struct(Vec<Value>),
}

/// Rows of one table, column by column.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Whose rows these are.
    pub table: &'static Table,
    /// One array per column of the table, in its order, all of `rows` length.
    pub columns: Vec<Array>,
}

/// A row does not fit its table: a fault of the program, never of the input.
#[derive(Debug, thiserror::Error)]
#[error("value of kind {found} does not fit column `{column}` of kind {expected}")]
pub struct KindMismatch {
    /// The column's name.
    pub column: &'static str,
    /// The column's kind.
    pub expected: &'static str,
    /// The value's kind.
    pub found: &'static str,
}

impl Array {
    /// An array without rows for values of `kind`.
    pub fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Int | Kind::Time => Values::Int(Vec::new()),
            Kind::Float => Values::Float(Vec::new()),
            Kind::Text => Values::Text(Vec::new()),
            Kind::Bytes => Values::Bytes(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::List(item) => {
                Values::List { lengths: Vec::new(), items: Box::new(Self::new(item.kind)) }
            }
            Kind::Struct(fields) => {
                Values::Struct(fields.iter().map(|field| Self::new(field.kind)).collect())
            }
        };
        Self { present: Vec::new(), values }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.present.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// Appends one integer or absence: the sampler's way, without a `Value`.
    pub fn push_int(&mut self, value: Option<i64>) {
        if let Values::Int(values) = &mut self.values {
            self.present.push(value.is_some());
            values.push(value.unwrap_or_default());
        } else {
            debug_assert!(false, "push_int on a column of another kind");
            self.push_null();
        }
    }

    /// Appends one text or absence.
    pub fn push_text(&mut self, value: Option<&str>) {
        if let Values::Text(values) = &mut self.values {
            self.present.push(value.is_some());
            values.push(value.unwrap_or_default().to_owned());
        } else {
            debug_assert!(false, "push_text on a column of another kind");
            self.push_null();
        }
    }

    /// Appends some bytes or absence.
    pub fn push_bytes(&mut self, value: Option<&[u8]>) {
        if let Values::Bytes(values) = &mut self.values {
            self.present.push(value.is_some());
            values.push(value.unwrap_or_default().to_vec());
        } else {
            debug_assert!(false, "push_bytes on a column of another kind");
            self.push_null();
        }
    }

    /// An integer or a time; `None` where it is absent or of another kind.
    pub fn int(&self, row: usize) -> Option<i64> {
        match &self.values {
            Values::Int(values) if *self.present.get(row)? => values.get(row).copied(),
            _ => None,
        }
    }

    /// A text; `None` where it is absent or the column is of another kind.
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(values) if *self.present.get(row)? => values.get(row).map(String::as_str),
            _ => None,
        }
    }

    /// Bytes; `None` where they are absent or the column is of another kind.
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        match &self.values {
            Values::Bytes(values) if *self.present.get(row)? => values.get(row).map(Vec::as_slice),
            _ => None,
        }
    }

    /// Appends one absent row.
    pub fn push_null(&mut self) {
        self.present.push(false);
        match &mut self.values {
            Values::Int(values) => values.push(0),
            Values::Float(values) => values.push(0.0),
            Values::Text(values) => values.push(String::new()),
            Values::Bytes(values) => values.push(Vec::new()),
            Values::Bool(values) => values.push(false),
            Values::List { lengths, .. } => lengths.push(0),
            Values::Struct(fields) => fields.iter_mut().for_each(Self::push_null),
        }
    }

    /// Appends one value of the column's kind.
    pub fn push(&mut self, column: &Column, value: Value) -> Result<(), KindMismatch> {
        if matches!(value, Value::Null) {
            self.push_null();
            return Ok(());
        }
        match (&mut self.values, value) {
            (Values::Int(values), Value::Int(value) | Value::Time(value)) => values.push(value),
            (Values::Float(values), Value::Float(value)) => values.push(value),
            (Values::Text(values), Value::Text(value)) => values.push(value),
            (Values::Bytes(values), Value::Bytes(value)) => values.push(value),
            (Values::Bool(values), Value::Bool(value)) => values.push(value),
            (Values::List { lengths, items }, Value::List(value)) => {
                let Kind::List(item) = column.kind else {
                    return Err(KindMismatch::new(column, "list"));
                };
                lengths.push(value.len() as u32);
                for value in value {
                    items.push(item, value)?;
                }
            }
            (Values::Struct(arrays), Value::Struct(value)) => {
                let Kind::Struct(fields) = column.kind else {
                    return Err(KindMismatch::new(column, "struct"));
                };
                if fields.len() != value.len() {
                    return Err(KindMismatch::new(column, "struct of another length"));
                }
                for ((array, field), value) in arrays.iter_mut().zip(fields).zip(value) {
                    array.push(field, value)?;
                }
            }
            (_, value) => return Err(KindMismatch::new(column, value.kind_name())),
        }
        self.present.push(true);
        Ok(())
    }
}

impl Batch {
    /// A batch of `table` without rows.
    pub fn new(table: &'static Table) -> Self {
        Self {
            table,
            columns: table.columns.iter().map(|column| Array::new(column.kind)).collect(),
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Array::len)
    }

    /// Appends a row: one value per column in the table's order.
    pub fn push(&mut self, row: Vec<Value>) -> Result<(), KindMismatch> {
        debug_assert_eq!(row.len(), self.table.columns.len());
        for ((array, column), value) in self.columns.iter_mut().zip(self.table.columns).zip(row) {
            array.push(column, value)?;
        }
        Ok(())
    }
}

impl Batch {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Array> {
        let at = self.table.columns.iter().position(|column| column.name == name)?;
        self.columns.get(at)
    }
}

impl Value {
    fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Time(_) => "time",
            Self::Bool(_) => "bool",
            Self::List(_) => "list",
            Self::Struct(_) => "struct",
        }
    }
}

impl KindMismatch {
    fn new(column: &Column, found: &'static str) -> Self {
        Self { column: column.name, expected: column.kind.name(), found }
    }
}

impl Kind {
    /// The kind's name in messages and in `trigpoint tables`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Float => "float",
            Self::Text => "text",
            Self::Bytes => "bytes",
            Self::Time => "time",
            Self::Bool => "bool",
            Self::List(_) => "list",
            Self::Struct(_) => "struct",
        }
    }
}
