//! Query results for people and for programs, written as they arrive.
//!
//! Binary values are hexadecimal, times RFC 3339 in UTC, in every text format.

use std::fmt;
use std::io::Write;
use std::str::FromStr;

use arrow::json::writer::{JsonArray, LineDelimited, WriterBuilder};
use futures::TryStreamExt as _;

use crate::session::{Answer, QueryError};

mod cell;
mod parquet;
mod table;

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people.
    Table {
        /// Columns of the terminal: a wider result is written one value to a
        /// line.  `None` where there is no terminal: always aligned, never cut.
        width: Option<usize>,
    },
    /// RFC 4180 with a header; lists and structs as JSON, NULL as nothing.
    Csv,
    /// One array of objects.
    Json,
    /// One object to a line.
    JsonLines,
    /// One Parquet file, which says where it comes from.
    Parquet,
}

/// A result that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The query failed while it ran.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The output refused the bytes.
    #[error("cannot write the result: {0}")]
    Output(#[from] std::io::Error),
    /// A value could not be put into the format.
    #[error("cannot write the result as {format}: {reason}")]
    Encode {
        /// The format.
        format: Format,
        /// Arrow's or Parquet's answer.
        reason: String,
    },
}

/// A name that is no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format; there are table, csv, json, jsonl, parquet")]
pub struct UnknownFormat(pub String);

impl Format {
    fn failed(self, error: impl fmt::Display) -> FormatError {
        FormatError::Encode { format: self, reason: error.to_string() }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Ok(match name {
            "table" => Self::Table { width: None },
            "csv" => Self::Csv,
            "json" => Self::Json,
            "jsonl" => Self::JsonLines,
            "parquet" => Self::Parquet,
            other => return Err(UnknownFormat(other.to_owned())),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Table { .. } => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        })
    }
}

/// Writes an answer to `output`; the number of rows.
pub async fn write(
    answer: Answer,
    format: Format,
    output: &mut (dyn Write + Send),
) -> Result<u64, FormatError> {
    match format {
        Format::Table { width } => table::write(answer, width, output).await,
        Format::Csv => csv(answer, output).await,
        Format::Json => json(answer, output).await,
        Format::JsonLines => json_lines(answer, output).await,
        Format::Parquet => parquet::write(answer, output).await,
    }
}

async fn csv(answer: Answer, output: &mut (dyn Write + Send)) -> Result<u64, FormatError> {
    let failed = |error| Format::Csv.failed(error);
    let schema = cell::flat_schema(&answer.schema());
    let mut writer = arrow::csv::WriterBuilder::new().with_header(true).build(output);
    // The header stands also above no rows.
    writer.write(&arrow::array::RecordBatch::new_empty(schema)).map_err(failed)?;
    let mut rows = 0;
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        let batch = cell::flatten(&batch).map_err(failed)?;
        writer.write(&batch).map_err(failed)?;
    }
    Ok(rows)
}

async fn json(answer: Answer, output: &mut (dyn Write + Send)) -> Result<u64, FormatError> {
    let failed = |error| Format::Json.failed(error);
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut *output);
    let mut rows = 0;
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&cell::with_text_keys(&batch).map_err(failed)?).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    drop(writer);
    writeln!(output)?;
    Ok(rows)
}

async fn json_lines(answer: Answer, output: &mut (dyn Write + Send)) -> Result<u64, FormatError> {
    let failed = |error| Format::JsonLines.failed(error);
    let mut writer =
        WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(output);
    let mut rows = 0;
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&cell::with_text_keys(&batch).map_err(failed)?).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(rows)
}

#[cfg(test)]
mod tests;
