//! SQL over the tables.
//!
//! Owns which tables and views a query sees (the newest snapshot of each when the
//! query starts) and what it may do: read.  Works while other processes write, and
//! before any table exists: a table that nobody has made yet is empty.
//! Must never read a table by listing its files.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::common::{TableReference, internal_datafusion_err};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use deltalake::DeltaTable;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use trigpoint_record::Table;
use trigpoint_record::tables::SNAPSHOTS;

use crate::{Error, Lake, functions, schema, views};

mod fields;
mod mistake;
mod naming;
mod older;
pub(crate) mod parse;

/// Runs queries on one lake.
#[derive(Debug, Clone)]
pub struct Session {
    lake: Lake,
}

/// A query that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// A name after FROM or JOIN that is no table.
    #[error("there is no table `{name}`{}", mistake::hint(nearest.as_deref(), tables))]
    UnknownTable {
        /// As it was written.
        name: String,
        /// The table with the most similar name.
        nearest: Option<String>,
        /// Every table there is.
        tables: Vec<String>,
    },
    /// A name that is no column of the tables of the query.
    #[error("there is no column `{name}`{}", mistake::hint(nearest.as_deref(), &[]))]
    UnknownColumn {
        /// As it was written.
        name: String,
        /// The column with the most similar name.
        nearest: Option<String>,
    },
    /// Anything else that DataFusion refuses: syntax, types, writing.
    #[error("{0}")]
    Refused(String),
    /// The lake could not be read.
    #[error(transparent)]
    Lake(#[from] Error),
}

/// The rows that answer a query, as they are found.
pub struct Answer {
    stream: SendableRecordBatchStream,
}

impl Session {
    pub(crate) fn new(lake: Lake) -> Self {
        Self { lake }
    }

    /// Plans and starts one statement: SELECT, EXPLAIN, SHOW TABLES or DESCRIBE.
    pub async fn query(&self, sql: &str) -> Result<Answer, QueryError> {
        let explain = |error: DataFusionError| mistake::explain(&error, &[]);
        let context = context().map_err(explain)?;
        let lower_case = parse::spelled(sql, &BTreeSet::new()).map_err(explain)?;
        let named = context.state().resolve_table_references(&lower_case).map_err(explain)?;
        let read = self.register(&context, &named).await?;

        let columns = || read.iter().flat_map(|schema| schema.fields().iter().map(AsRef::as_ref));
        let names = named.iter().flat_map(|name| [name.schema(), Some(name.table())]);
        let columns_and_tables = columns().map(Field::name).map(String::as_str);
        let known = columns_and_tables.chain(names.flatten()).map(str::to_owned).collect();
        let mut statement = parse::spelled(sql, &known).map_err(explain)?;
        naming::name_fields(&mut statement);

        let explain = |error: DataFusionError| mistake::explain(&error, &fields::paths(columns()));
        match start(&context, statement, &parse::given_names(sql), &explain).await {
            Err(QueryError::Refused(reason)) => {
                let unknown = self.unknown_table(&context, &named)?;
                Err(unknown.unwrap_or(QueryError::Refused(reason)))
            }
            answer => answer,
        }
    }

    /// Makes known to the context what the names need; returns the columns of
    /// the tables and views that they are of.
    async fn register(
        &self,
        context: &SessionContext,
        named: &[TableReference],
    ) -> Result<Vec<SchemaRef>, QueryError> {
        let explain = |error: DataFusionError| mistake::explain(&error, &[]);
        let state = context.state();
        let views = if named.iter().any(|name| name.schema() == Some(INFORMATION_SCHEMA)) {
            views::all(&state)
        } else {
            views::needed(&state, named)
        };
        let views = views::over(views.map_err(explain)?, self.lake.tables());
        let needed = views::needed(&state, named).map_err(explain)?;
        let mut read = Vec::new();
        let mut snapshots = None;
        // Last committed, first loaded: `tables` has the order of commits, so
        // that a test which is visible here finds all of its snapshots.
        for table in self.lake.tables().iter().rev() {
            let is_it = |name: &TableReference| name.table() == table.name;
            let is_named = named.iter().any(is_it);
            // Only what the query needs is loaded; the rest is there for SHOW.
            let is_needed = is_named || needed.iter().flat_map(|view| &view.names).any(is_it);
            let stored = if is_needed { self.lake.snapshot(table).await? } else { None };
            if table.name == SNAPSHOTS.name {
                snapshots.clone_from(&stored);
            }
            let provider = provider(table, stored, context).await?;
            if is_named {
                read.push(provider.schema());
            }
            context.register_table(table.name, provider).map_err(explain)?;
        }
        for view in views {
            let is_named = named.contains(&view.view.reference());
            let provider =
                views::register(&state, view, snapshots.clone()).await.map_err(explain)?;
            if is_named {
                read.push(provider.schema());
            }
        }
        Ok(read)
    }

    /// The first name of a refused query that is no table.
    fn unknown_table(
        &self,
        context: &SessionContext,
        named: &[TableReference],
    ) -> Result<Option<QueryError>, QueryError> {
        let state = context.state();
        let views = views::all(&state).map_err(|error| mistake::explain(&error, &[]))?;
        let tables = self.lake.tables().iter().map(|table| TableReference::bare(table.name));
        let views = views::over(views, self.lake.tables()).into_iter();
        let there: Vec<_> = tables.chain(views.map(|view| view.view.reference())).collect();
        let is_known = |name: &TableReference| match name.schema() {
            None => there.contains(name) || state.table_functions().contains_key(name.table()),
            Some("public") => there.contains(&TableReference::bare(name.table())),
            Some(schema) => schema == INFORMATION_SCHEMA || there.contains(name),
        };
        let unknown = named.iter().find(|name| !is_known(name));
        Ok(unknown.map(|name| mistake::unknown_table(name, &there)))
    }
}

/// The table as it is stored; an empty one where nobody has made it.
async fn provider(
    table: &'static Table,
    stored: Option<DeltaTable>,
    context: &SessionContext,
) -> Result<Arc<dyn TableProvider>, QueryError> {
    let Some(delta) = stored else {
        return empty(table);
    };
    delta.update_datafusion_session(&context.state()).map_err(Error::delta("read", table.name))?;
    let explain = |error| mistake::explain(&error, &[]);
    let stored = delta.table_provider().await.map_err(explain)?;
    let schema = schema::arrow_schema(table)?;
    older::complete(table.name, stored, &schema).map_err(explain)
}

/// A context without tables.
fn context() -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new().with_information_schema(true);
    // `parse::spelled` does that.
    config.options_mut().sql_parser.enable_ident_normalization = false;
    // As in BigQuery and Spark: NULL is the least of all values.
    config.options_mut().sql_parser.default_null_ordering = "nulls_min".into();
    // It compares comments of columns too, which DataFusion 55 forgets on the way to
    // a field of a struct that a view makes of them.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let catalog = config.options().catalog.default_catalog.clone();
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_expr_planners(vec![Arc::new(fields::FieldsByName)])
        .with_default_features()
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context)?;
    let catalog = context
        .catalog(&catalog)
        .ok_or_else(|| internal_datafusion_err!("the session has no catalog `{catalog}`"))?;
    for schema in views::SCHEMAS {
        catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new()))?;
    }
    // In DataFusion 55 it gives two expressions of one view one name.
    context.remove_optimizer_rule("common_sub_expression_eliminate");
    Ok(context)
}

async fn start(
    context: &SessionContext,
    statement: Statement,
    spellings: &HashMap<String, String>,
    explain: &impl Fn(DataFusionError) -> QueryError,
) -> Result<Answer, QueryError> {
    let plan = context.state().statement_to_plan(statement).await.map_err(explain)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| QueryError::Refused(READ_ONLY.to_owned()))?;
    let plan = naming::spell_columns(plan, spellings).map_err(explain)?;
    let frame = context.execute_logical_plan(plan).await.map_err(explain)?;
    let stream = frame.execute_stream().await.map_err(explain)?;
    Ok(Answer { stream })
}

const INFORMATION_SCHEMA: &str = "information_schema";

const READ_ONLY: &str = "queries only read: use SELECT, EXPLAIN, SHOW TABLES or DESCRIBE";

fn empty(table: &'static Table) -> Result<Arc<dyn TableProvider>, QueryError> {
    Ok(Arc::new(EmptyTable::new(schema::arrow_schema(table)?)))
}

impl Answer {
    /// Names and types of the columns.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// All rows at once.
    pub async fn collect(self) -> Result<Vec<RecordBatch>, QueryError> {
        self.into_stream().try_collect().await
    }

    /// The rows as they are found.
    pub fn into_stream(self) -> impl Stream<Item = Result<RecordBatch, QueryError>> + Send {
        self.stream.map(|batch| batch.map_err(|error| mistake::explain(&error, &[])))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Answer").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
