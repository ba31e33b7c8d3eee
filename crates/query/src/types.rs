//! The SQL names of types, and the list of them that ODBC and JDBC tools want.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow_flight::error::Result;
use arrow_flight::sql::metadata::{XdbcTypeInfo, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::{CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType};

/// What a column's type is called in SQL.
pub(crate) fn name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INTEGER",
        DataType::Int64 => "BIGINT",
        DataType::UInt8 => "TINYINT UNSIGNED",
        DataType::UInt16 => "SMALLINT UNSIGNED",
        DataType::UInt32 => "INTEGER UNSIGNED",
        DataType::UInt64 => "BIGINT UNSIGNED",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Utf8 => "VARCHAR",
        DataType::Binary | DataType::FixedSizeBinary(_) => "VARBINARY",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Timestamp(..) => "TIMESTAMP",
        DataType::Interval(_) | DataType::Duration(_) => "INTERVAL",
        DataType::Decimal128(..) | DataType::Decimal256(..) => "DECIMAL",
        DataType::List(_) => "ARRAY",
        DataType::Map(..) => "MAP",
        _ => "STRUCT",
    }
}

/// The types of the tables' columns.
pub(crate) fn list(command: CommandGetXdbcTypeInfo) -> Result<RecordBatch> {
    let mut types = XdbcTypeInfoDataBuilder::new();
    for (type_name, data_type, column_size, quotes) in [
        ("BOOLEAN", XdbcDataType::XdbcBit, 1, None),
        ("BIGINT", XdbcDataType::XdbcBigint, 19, None),
        ("DOUBLE", XdbcDataType::XdbcDouble, 15, None),
        ("VARCHAR", XdbcDataType::XdbcVarchar, i32::MAX, Some(("'", "'"))),
        ("VARBINARY", XdbcDataType::XdbcVarbinary, i32::MAX, Some(("X'", "'"))),
        ("DATE", XdbcDataType::XdbcDate, 10, Some(("DATE '", "'"))),
        ("TIMESTAMP", XdbcDataType::XdbcTimestamp, 26, Some(("TIMESTAMP '", "'"))),
    ] {
        types.append(XdbcTypeInfo {
            type_name: type_name.to_owned(),
            data_type,
            sql_data_type: data_type,
            column_size: Some(column_size),
            literal_prefix: quotes.map(|(prefix, _)| prefix.to_owned()),
            literal_suffix: quotes.map(|(_, suffix)| suffix.to_owned()),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: type_name == "VARCHAR",
            searchable: Searchable::Full,
            unsigned_attribute: Some(false),
            ..XdbcTypeInfo::default()
        });
    }
    command.into_builder(&types.build()?).build()
}
