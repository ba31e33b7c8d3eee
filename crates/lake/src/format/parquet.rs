//! An answer as one Parquet file.
//!
//! Its key-value metadata say where it comes from: `trigpoint.query`,
//! `trigpoint.queriedTime`, and `trigpoint.versions`, a JSON object with the
//! version of each table that was read (null for one that nobody had made).

use std::io::Write;

use chrono::SecondsFormat;
use futures::TryStreamExt as _;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::{Format, FormatError};
use crate::session::{Answer, Origin};

const COMPRESSION_LEVEL: i32 = 3;
/// A row group is encoded in memory before any of it is written.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// As in the files of the tables.
const ROW_GROUP_ROWS: usize = 131_072;

pub(super) async fn write(
    answer: Answer,
    output: &mut (dyn Write + Send),
) -> Result<u64, FormatError> {
    let format = Format::Parquet;
    let level = ZstdLevel::try_new(COMPRESSION_LEVEL).map_err(|error| format.failed(error))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_key_value_metadata(Some(metadata(answer.origin())))
        .build();
    // Arrow's own types (string views) say nothing to other readers.
    let options =
        ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(output, answer.schema(), options)
        .map_err(|error| format.failed(error))?;
    let mut rows = 0;
    let mut batches = answer.into_stream();
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(|error| format.failed(error))?;
    }
    writer.close().map_err(|error| format.failed(error))?;
    Ok(rows)
}

fn metadata(origin: &Origin) -> Vec<KeyValue> {
    let versions = serde_json::json!(origin.versions).to_string();
    let time = origin.time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let entry = |key: &str, value| KeyValue::new(format!("trigpoint.{key}"), Some(value));
    vec![
        entry("query", origin.sql.clone()),
        entry("queriedTime", time),
        entry("versions", versions),
    ]
}
