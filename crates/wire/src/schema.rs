//! What a station says about its columns, and the check of what it said.

use std::collections::BTreeSet;

use trigpoint_record::{Column, Table};

use crate::ingest::{ColumnSchema, Kind, TableSchema};

/// Levels of columns within columns: a list of structs that hold a list has four.
pub const DEPTH: usize = 4;

/// A station's description of its tables makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Lists and structs stand deeper in each other than [`DEPTH`].
    #[error("column `{column}` of table `{table}` is nested more than {DEPTH} deep")]
    Depth {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
    /// Two columns of one parent, or two tables, say to be the same.
    #[error("`{name}` of table `{table}` is described twice")]
    Duplicate {
        /// The table's name.
        table: String,
        /// The second column's, or the table's, name.
        name: String,
    },
    /// A kind that this version does not know, or children that do not fit it.
    #[error("column `{column}` of table `{table}` has an unknown kind or wrong children")]
    Kind {
        /// The table's name.
        table: String,
        /// The column's name.
        column: String,
    },
    /// More columns than a batch may have.
    #[error("the tables have more than {limit} columns")]
    Columns {
        /// The most that is allowed.
        limit: usize,
    },
}

/// The description of `table` that a station sends in its Hello: without the
/// columns that the collector fills.
pub fn schema(table: &Table) -> TableSchema {
    TableSchema { table: table.name.to_owned(), columns: columns(table.columns) }
}

fn columns(columns: &[Column]) -> Vec<ColumnSchema> {
    columns.iter().filter(|column| !column.at_ingest).map(column).collect()
}

fn column(column: &Column) -> ColumnSchema {
    use trigpoint_record::Kind as Stored;
    let (kind, children) = match column.kind {
        Stored::Int => (Kind::Int, Vec::new()),
        Stored::Float => (Kind::Float, Vec::new()),
        Stored::Text => (Kind::Text, Vec::new()),
        Stored::Bytes => (Kind::Bytes, Vec::new()),
        Stored::Time => (Kind::Time, Vec::new()),
        Stored::Bool => (Kind::Bool, Vec::new()),
        Stored::List(item) => (Kind::List, vec![self::column(item)]),
        Stored::Struct(fields) => (Kind::Struct, columns(fields)),
    };
    ColumnSchema {
        id: column.id,
        name: column.name.to_owned(),
        kind: kind.into(),
        unit: column.unit.to_owned(),
        children,
    }
}

/// Checks a Hello's tables: known kinds, unique names and ids, bounded depth,
/// and at most `limit` columns in all.
pub fn check_schema(tables: &[TableSchema], limit: usize) -> Result<(), SchemaError> {
    let mut names = BTreeSet::new();
    let mut left = limit;
    for table in tables {
        let name = &table.table;
        if !names.insert(name) {
            return Err(SchemaError::Duplicate { table: name.clone(), name: name.clone() });
        }
        check(name, &table.columns, 1, &mut left).map_err(|error| match error {
            SchemaError::Columns { .. } => SchemaError::Columns { limit },
            error => error,
        })?;
    }
    Ok(())
}

fn check(
    table: &str,
    columns: &[ColumnSchema],
    depth: usize,
    left: &mut usize,
) -> Result<(), SchemaError> {
    let named = |column: &ColumnSchema| (table.to_owned(), column.name.clone());
    *left =
        left.checked_sub(columns.len()).ok_or(SchemaError::Columns { limit: usize::default() })?;
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    for column in columns {
        if !ids.insert(column.id) || !names.insert(&column.name) {
            let (table, name) = named(column);
            return Err(SchemaError::Duplicate { table, name });
        }
        if depth > DEPTH {
            let (table, column) = named(column);
            return Err(SchemaError::Depth { table, column });
        }
        let fits = match column.kind() {
            Kind::Unspecified => false,
            Kind::List => column.children.len() == 1,
            Kind::Struct => !column.children.is_empty(),
            _ => column.children.is_empty(),
        };
        if !fits {
            let (table, column) = named(column);
            return Err(SchemaError::Kind { table, column });
        }
        check(table, &column.children, depth + 1, left)?;
    }
    Ok(())
}
