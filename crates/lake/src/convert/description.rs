//! What a station says of its columns, and whether this version can keep them.

use trigpoint_record::{Column, Kind, Table};

use super::ConvertError;

/// A column as the station's Hello describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Unique among its siblings and never reused.
    pub id: u32,
    /// Name in the station's version.
    pub name: String,
    /// Kind in the station's version.
    pub shape: Shape,
}

/// The kind of a described column, with its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A signed 64-bit integer.
    Int,
    /// A 64-bit float.
    Float,
    /// UTF-8 text.
    Text,
    /// Opaque bytes.
    Bytes,
    /// Microseconds since the Unix epoch.
    Time,
    /// True or false.
    Bool,
    /// Any number of one kind of item.
    List(Box<Description>),
    /// Named fields.
    Struct(Vec<Description>),
}

impl Shape {
    pub(super) fn name(&self) -> &'static str {
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

impl From<&Column> for Description {
    fn from(column: &Column) -> Self {
        let shape = match column.kind {
            Kind::Int => Shape::Int,
            Kind::Float => Shape::Float,
            Kind::Text => Shape::Text,
            Kind::Bytes => Shape::Bytes,
            Kind::Time => Shape::Time,
            Kind::Bool => Shape::Bool,
            Kind::List(item) => Shape::List(Box::new(item.into())),
            Kind::Struct(fields) => Shape::Struct(fields.iter().map(Self::from).collect()),
        };
        Self { id: column.id, name: column.name.to_owned(), shape }
    }
}

/// Whether rows with these columns can be kept whole: every unknown column is
/// a top-level integer, every known one has the table's kind.
pub fn check(table: &'static Table, columns: &[Description]) -> Result<(), ConvertError> {
    for sent in columns {
        match table.columns.iter().find(|column| column.id == sent.id) {
            Some(column) => check_column(table, column.name, column, sent)?,
            None if sent.shape == Shape::Int => {}
            None => return Err(newer(table, &sent.name, sent)),
        }
    }
    Ok(())
}

fn check_column(
    table: &'static Table,
    path: &str,
    column: &Column,
    sent: &Description,
) -> Result<(), ConvertError> {
    match (column.kind, &sent.shape) {
        (Kind::Int, Shape::Int)
        | (Kind::Float, Shape::Float)
        | (Kind::Text, Shape::Text)
        | (Kind::Bytes, Shape::Bytes)
        | (Kind::Time, Shape::Time)
        | (Kind::Bool, Shape::Bool) => Ok(()),
        (Kind::List(item), Shape::List(sent)) => check_column(table, path, item, sent),
        (Kind::Struct(fields), Shape::Struct(sent)) => {
            for sent in sent {
                let path = format!("{path}.{}", sent.name);
                match fields.iter().find(|field| field.id == sent.id) {
                    Some(field) => check_column(table, &path, field, sent)?,
                    None => return Err(newer(table, &path, sent)),
                }
            }
            Ok(())
        }
        (_, shape) => Err(ConvertError::kind(table, column, path, shape.name())),
    }
}

pub(super) fn newer(table: &'static Table, path: &str, sent: &Description) -> ConvertError {
    let kind = sent.shape.name();
    ConvertError::Newer { table: table.name, column: path.to_owned(), id: sent.id, kind }
}
