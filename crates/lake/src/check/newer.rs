//! Tables of a newer version: what this one does not know of them.

use deltalake::kernel::{DataType, StructType};
use trigpoint_record::Table;

use super::log::State;
use super::report::{FindingKind, Report};
use crate::schema;

/// The protocol of `table.rs`: what this version reads and writes.
const READER_VERSION: i64 = 1;
const WRITER_VERSION: i64 = 2;

/// Whether this version can read the rows.
pub(super) fn protocol(log: &State, report: &mut Report) -> bool {
    let Some(protocol) = &log.protocol else { return true };
    let (reader, writer) = (protocol.min_reader_version, protocol.min_writer_version);
    if reader > READER_VERSION || writer > WRITER_VERSION {
        let detail = format!(
            "the table wants a reader of version {reader} and a writer of version {writer}, \
             this version has {READER_VERSION} and {WRITER_VERSION}"
        );
        report.add(FindingKind::Newer, log.protocol_file.clone(), detail);
    }
    reader <= READER_VERSION
}

/// Reports columns that this version does not know, or knows as something else.
pub(super) fn columns(table: &'static Table, log: &State, report: &mut Report) {
    let Some(metadata) = &log.metadata else { return };
    let stored: StructType = match serde_json::from_str(&metadata.schema_string) {
        Ok(stored) => stored,
        Err(error) => {
            let detail = format!("the table's schema cannot be read: {error}");
            return report.add(FindingKind::Newer, log.metadata_file.clone(), detail);
        }
    };
    let Ok(known) = schema::delta_schema(table) else { return };
    let mut unknown = Vec::new();
    unknown_fields("", &stored, &known, &mut unknown);
    if !unknown.is_empty() {
        let detail = format!("columns that this version does not know: {}", unknown.join(", "));
        report.add(FindingKind::Newer, log.metadata_file.clone(), detail);
    }
    if let Err(error) = schema::merge(table, &stored, &known) {
        report.add(FindingKind::Newer, log.metadata_file.clone(), error.to_string());
    }
}

fn unknown_fields(path: &str, stored: &StructType, known: &StructType, found: &mut Vec<String>) {
    for field in stored.fields() {
        let path = format!("{path}{}", field.name());
        let Some(other) = known.field(field.name()) else {
            found.push(path);
            continue;
        };
        if let (Some(stored), Some(known)) = (fields(field.data_type()), fields(other.data_type()))
        {
            unknown_fields(&format!("{path}."), stored, known, found);
        }
    }
}

/// The fields of a struct, or of the structs in a list.
fn fields(data_type: &DataType) -> Option<&StructType> {
    match data_type {
        DataType::Struct(fields) => Some(fields),
        DataType::Array(array) => fields(array.element_type()),
        _ => None,
    }
}
