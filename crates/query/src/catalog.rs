//! Catalogs, schemas, tables and their columns, as clients list them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::error::Result;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables,
};
use trigpoint_lake::{CATALOG, Relation};

use crate::{shape, types};

const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";

pub(crate) fn catalogs(command: CommandGetCatalogs) -> Result<RecordBatch> {
    let mut catalogs = command.into_builder();
    catalogs.append(CATALOG);
    catalogs.build()
}

pub(crate) fn schemas(command: CommandGetDbSchemas, relations: &[Relation]) -> Result<RecordBatch> {
    let mut names: Vec<_> = relations.iter().map(|relation| relation.schema).collect();
    names.sort_unstable();
    names.dedup();
    let mut schemas = command.into_builder();
    for name in names {
        schemas.append(CATALOG, name);
    }
    schemas.build()
}

pub(crate) fn table_types(command: CommandGetTableTypes) -> Result<RecordBatch> {
    let mut kinds = command.into_builder();
    kinds.append(TABLE);
    kinds.append(VIEW);
    kinds.build()
}

pub(crate) fn tables(command: CommandGetTables, relations: &[Relation]) -> Result<RecordBatch> {
    let mut tables = command.into_builder();
    for relation in relations {
        let kind = if relation.is_view { VIEW } else { TABLE };
        tables.append(CATALOG, relation.schema, relation.name, kind, &columns(relation))?;
    }
    tables.build()
}

/// The columns of a table, with what drivers show of each.
fn columns(relation: &Relation) -> Schema {
    let told = shape::of_columns(&relation.columns);
    let described = told.fields().iter().map(|field| {
        let mut metadata: HashMap<_, _> = field.metadata().clone();
        for (key, value) in [
            ("CATALOG_NAME", CATALOG),
            ("SCHEMA_NAME", relation.schema),
            ("DB_SCHEMA_NAME", relation.schema),
            ("TABLE_NAME", relation.name),
            ("TYPE_NAME", types::name(field.data_type())),
            ("IS_READ_ONLY", "1"),
            ("IS_SEARCHABLE", "1"),
            ("IS_CASE_SENSITIVE", "0"),
            ("IS_AUTO_INCREMENT", "0"),
        ] {
            metadata.insert(format!("ARROW:FLIGHT:SQL:{key}"), value.to_owned());
        }
        Arc::new(field.as_ref().clone().with_metadata(metadata))
    });
    Schema::new(described.collect::<Vec<_>>())
}
