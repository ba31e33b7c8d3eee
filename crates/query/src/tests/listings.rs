//! What there is, as clients list it.

use arrow::array::{AsArray as _, RecordBatch};
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetPrimaryKeys, CommandGetTables, SqlInfo};
use arrow_flight::sql::{CommandGetExportedKeys, CommandGetXdbcTypeInfo};

use crate::testing::{Fixture, rows};

fn texts(rows: &[RecordBatch], column: &str) -> Vec<String> {
    let values = rows.iter().flat_map(|batch| {
        let column = batch.column_by_name(column).unwrap().as_string::<i32>();
        column.iter().map(|value| value.unwrap().to_owned())
    });
    values.collect()
}

fn tables(name: &str, include_schema: bool) -> CommandGetTables {
    CommandGetTables {
        table_name_filter_pattern: Some(name.to_owned()),
        include_schema,
        ..CommandGetTables::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_and_their_columns_are_listed_before_anybody_wrote_to_them() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(texts(&rows(&mut client, info).await.unwrap(), "catalog_name"), ["trigpoint"]);
    let info = client.get_db_schemas(CommandGetDbSchemas::default()).await.unwrap();
    assert_eq!(texts(&rows(&mut client, info).await.unwrap(), "db_schema_name"), ["public"]);
    let info = client.get_table_types().await.unwrap();
    let kinds = texts(&rows(&mut client, info).await.unwrap(), "table_type");
    assert_eq!(kinds, ["TABLE", "VIEW"]);
    let info = client.get_tables(tables("read%", true)).await.unwrap();
    let told = info.clone().try_decode_schema().unwrap();
    let listed = rows(&mut client, info).await.unwrap();
    assert_eq!(listed[0].schema().as_ref(), &told);
    assert_eq!(texts(&listed, "table_name"), ["readings"]);
    let schema = listed[0].column_by_name("table_schema").unwrap().as_binary::<i32>().value(0);
    let schema = try_schema_from_ipc_buffer(schema).unwrap();
    let field = schema.field_with_name("min_rtt_us").unwrap();
    assert_eq!(field.metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"], "BIGINT");
    let remarks = &field.metadata()["ARROW:FLIGHT:SQL:REMARKS"];
    assert_eq!(remarks, "Least round-trip time. Unit: µs.");
    let info = client.get_tables(tables("x%", false)).await.unwrap();
    assert!(texts(&rows(&mut client, info).await.unwrap(), "table_name").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_types_and_abilities_are_listed() {
    let fixture = Fixture::new().await;
    let mut client = fixture.client().await;
    let table = CommandGetPrimaryKeys { table: "readings".to_owned(), ..Default::default() };
    let info = client.get_primary_keys(table).await.unwrap();
    let keys = rows(&mut client, info).await.unwrap();
    assert_eq!(texts(&keys, "column_name"), ["flow_id", "n"]);
    let table = CommandGetExportedKeys { table: "readings".to_owned(), ..Default::default() };
    let info = client.get_exported_keys(table).await.unwrap();
    assert_eq!(info.clone().try_decode_schema().unwrap().fields().len(), 13);
    let keys = rows(&mut client, info).await.unwrap();
    assert_eq!(keys.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo::default()).await.unwrap();
    let types = texts(&rows(&mut client, info).await.unwrap(), "type_name");
    assert!(types.contains(&"TIMESTAMP".to_owned()), "{types:?}");
    let wanted = vec![SqlInfo::FlightSqlServerReadOnly, SqlInfo::FlightSqlServerName];
    let info = client.get_sql_info(wanted).await.unwrap();
    let infos = rows(&mut client, info).await.unwrap();
    assert_eq!(infos[0].num_rows(), 2);
}
