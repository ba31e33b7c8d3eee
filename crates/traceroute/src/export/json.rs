//! A trace with the columns of table `traces`, as `trigpoint query` prints them,
//! but for those that the collector fills.

use chrono::{DateTime, SecondsFormat};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use trigpoint_record::tables::traces::Findings;
use trigpoint_record::{Column, Kind, Value};

/// One JSON object, on one line.
pub fn json(findings: &Findings) -> String {
    let values: Vec<_> = findings.values().collect();
    // Serialising fails only for keys that are not strings.
    serde_json::to_string(&Fields { columns: Findings::COLUMNS, values: &values })
        .unwrap_or_default()
}

struct Fields<'a> {
    columns: &'a [Column],
    values: &'a [Value],
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let fields = self.columns.iter().zip(self.values);
        for (column, value) in fields.filter(|(column, _)| !column.at_ingest) {
            map.serialize_entry(column.name, &Field { kind: &column.kind, value })?;
        }
        map.end()
    }
}

struct Field<'a> {
    kind: &'a Kind,
    value: &'a Value,
}

impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self.value, self.kind) {
            (Value::Int(value), _) => serializer.serialize_i64(*value),
            (Value::Float(value), _) => serializer.serialize_f64(*value),
            (Value::Bool(value), _) => serializer.serialize_bool(*value),
            (Value::Text(value), _) => serializer.serialize_str(value),
            (Value::Time(value), _) => {
                let time = DateTime::from_timestamp_micros(*value).unwrap_or_default();
                serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, true))
            }
            (Value::Struct(values), Kind::Struct(columns)) => {
                Fields { columns, values }.serialize(serializer)
            }
            (Value::List(values), Kind::List(item)) => {
                let mut list = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    list.serialize_element(&Field { kind: &item.kind, value })?;
                }
                list.end()
            }
            // No column of a trace is of bytes.
            (Value::Null | Value::Bytes(_) | Value::Struct(_) | Value::List(_), _) => {
                serializer.serialize_none()
            }
        }
    }
}
