//! `trigpoint tables`: what is stored, from the definition of every column.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::anyhow;
use clap::ValueEnum;
use serde::Serialize;
use trigpoint_process::Failure;
use trigpoint_record::{Column, INGEST_COLUMNS, Kind, TABLES, Table};

/// List the tables with their columns, units and meanings
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this table
    table: Option<String>,
    /// How they are printed
    #[arg(long, env = "TRIGPOINT_FORMAT", value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let tables = selected(options.table.as_deref())?;
    let printed = match options.format {
        Format::Text => tables.iter().map(|table| text(table)).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            let tables: Vec<_> = tables.into_iter().map(TableDescription::from).collect();
            serde_json::to_string_pretty(&tables)? + "\n"
        }
    };
    std::io::stdout().write_all(printed.as_bytes())?;
    Ok(())
}

fn selected(name: Option<&str>) -> Result<Vec<&'static Table>, Failure> {
    let Some(name) = name else { return Ok(TABLES.to_vec()) };
    TABLES.iter().find(|table| table.name == name).map(|table| vec![*table]).ok_or_else(|| {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        Failure::Failed(anyhow!("there is no table `{name}`: there are {}", names.join(", ")))
    })
}

/// The table's own line, then one line per column; fields of structs are indented.
fn text(table: &'static Table) -> String {
    let mut rows = Vec::new();
    add_rows(&mut rows, stored(table), 1);
    let width = |cell: fn(&Row) -> &str| {
        rows.iter().map(|row| cell(row).chars().count()).max().unwrap_or_default()
    };
    let (name, kind, unit) =
        (width(|row| &row.name), width(|row| &row.kind), width(|row| row.unit));
    let mut text = format!("{}: {}\n", table.name, table.doc);
    for row in &rows {
        let line =
            format!("{:<name$}  {:<kind$}  {:<unit$}  {}", row.name, row.kind, row.unit, row.doc);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The table's own columns, then what the collector adds to every table.
fn stored(table: &'static Table) -> impl Iterator<Item = &'static Column> {
    table.columns.iter().chain(INGEST_COLUMNS)
}

struct Row {
    name: String,
    kind: String,
    unit: &'static str,
    doc: &'static str,
}

fn add_rows(rows: &mut Vec<Row>, columns: impl Iterator<Item = &'static Column>, depth: usize) {
    for column in columns {
        rows.push(Row {
            name: format!("{}{}", "  ".repeat(depth), column.name),
            kind: kind_name(column),
            unit: column.unit,
            doc: column.doc,
        });
        add_rows(rows, fields(column.kind).iter(), depth + 1);
    }
}

/// The columns inside of a struct, or of a list of structs.
fn fields(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Struct(fields) => fields,
        Kind::List(item) => fields(item.kind),
        _ => &[],
    }
}

fn kind_name(column: &Column) -> String {
    match column.kind {
        Kind::List(item) => format!("list of {}", kind_name(item)),
        // Two columns of the collector's have kinds that stations never send.
        Kind::Struct([]) => "map".to_owned(),
        Kind::Time if column.name == "date" => "date".to_owned(),
        other => other.name().to_owned(),
    }
}

#[derive(Serialize)]
struct TableDescription {
    name: &'static str,
    comment: &'static str,
    columns: Vec<ColumnDescription>,
}

#[derive(Serialize)]
struct ColumnDescription {
    name: &'static str,
    kind: String,
    unit: &'static str,
    comment: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Self>,
}

impl From<&'static Table> for TableDescription {
    fn from(table: &'static Table) -> Self {
        let columns = stored(table).map(ColumnDescription::from).collect();
        Self { name: table.name, comment: table.doc, columns }
    }
}

impl From<&'static Column> for ColumnDescription {
    fn from(column: &'static Column) -> Self {
        Self {
            name: column.name,
            kind: kind_name(column),
            unit: column.unit,
            comment: column.doc,
            fields: fields(column.kind).iter().map(Self::from).collect(),
        }
    }
}
