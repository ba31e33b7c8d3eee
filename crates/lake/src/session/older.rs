//! Tables that were last written by an earlier version.
//!
//! Columns are only ever added, by the first append of a version that has them.
//! Until then they are NULL here, so that queries and views need not know when
//! that was.  Fields that a later version added to a struct are not given so.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::catalog::default_table_source::provider_as_source;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};

/// The stored table with all columns of `schema`, in its order, and its own others.
pub(super) fn complete(
    name: &str,
    stored: Arc<dyn TableProvider>,
    schema: &Schema,
) -> Result<Arc<dyn TableProvider>> {
    let has = stored.schema();
    if schema.fields().iter().all(|field| has.column_with_name(field.name()).is_some()) {
        return Ok(stored);
    }
    let mut columns = Vec::new();
    for field in schema.fields() {
        columns.push(match has.column_with_name(field.name()) {
            Some(_) => column(name, field.name()),
            None => lit(ScalarValue::try_from(field.data_type())?).alias(field.name()),
        });
    }
    let others = has.fields().iter().filter(|it| schema.column_with_name(it.name()).is_none());
    columns.extend(others.map(|field| column(name, field.name())));
    let scan = LogicalPlanBuilder::scan(name, provider_as_source(stored), None)?;
    Ok(Arc::new(ViewTable::new(scan.project(columns)?.build()?, None)))
}

fn column(table: &str, name: &str) -> Expr {
    Expr::Column(Column::new(Some(table), name))
}
