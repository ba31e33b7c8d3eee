//! SQL over the tables.
//!
//! Owns which tables a query sees (the newest snapshot of each when the query
//! starts) and what it may do: read.  Works while other processes write, and
//! before any table exists: a table that nobody has made yet is empty.
//! Must never read a table by listing its files.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::prelude::SessionConfig;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use trigpoint_record::Table;

use crate::{Error, Lake, schema};

mod mistake;

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
        let config = SessionConfig::new().with_information_schema(true);
        let context = SessionContext::new_with_config(config);
        let state = context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let statement =
            state.sql_to_statement(sql, &dialect).map_err(|error| mistake::explain(&error, &[]))?;
        let named = state
            .resolve_table_references(&statement)
            .map_err(|error| mistake::explain(&error, &[]))?;
        // Last committed, first loaded: `tables` has the order of commits, so
        // that a test which is visible here finds all of its snapshots.
        for table in self.lake.tables().iter().rev() {
            // Only what the query names is loaded; the rest is there for SHOW.
            let provider = if named.iter().any(|name| name.table() == table.name) {
                self.provider(table, &context).await?
            } else {
                empty(table)?
            };
            context
                .register_table(table.name, provider)
                .map_err(|error| mistake::explain(&error, &[]))?;
        }
        let columns: Vec<&str> = self
            .lake
            .tables()
            .iter()
            .filter(|table| named.iter().any(|name| name.table() == table.name))
            .flat_map(|table| schema::column_names(table))
            .collect();
        match self.start(&context, statement, &columns).await {
            Err(QueryError::Refused(reason)) => {
                Err(self.unknown_table(&context, &named).unwrap_or(QueryError::Refused(reason)))
            }
            answer => answer,
        }
    }

    async fn start(
        &self,
        context: &SessionContext,
        statement: datafusion::sql::parser::Statement,
        columns: &[&str],
    ) -> Result<Answer, QueryError> {
        let explain = |error: DataFusionError| mistake::explain(&error, columns);
        let plan = context.state().statement_to_plan(statement).await.map_err(explain)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)
            .map_err(|_| QueryError::Refused(READ_ONLY.to_owned()))?;
        let frame = context.execute_logical_plan(plan).await.map_err(explain)?;
        let stream = frame.execute_stream().await.map_err(explain)?;
        Ok(Answer { stream })
    }

    /// The first name of a refused query that is no table.
    fn unknown_table(
        &self,
        context: &SessionContext,
        named: &[TableReference],
    ) -> Option<QueryError> {
        let state = context.state();
        let known = |name: &TableReference| match name.schema() {
            None => {
                self.lake.tables().iter().any(|table| table.name == name.table())
                    || state.table_functions().contains_key(name.table())
            }
            Some("public") => self.lake.tables().iter().any(|table| table.name == name.table()),
            Some(schema) => schema == "information_schema",
        };
        let unknown = named.iter().find(|name| !known(name))?;
        Some(mistake::unknown_table(unknown, self.lake.tables()))
    }

    async fn provider(
        &self,
        table: &'static Table,
        context: &SessionContext,
    ) -> Result<Arc<dyn TableProvider>, QueryError> {
        let Some(delta) = self.lake.snapshot(table).await? else {
            return empty(table);
        };
        delta
            .update_datafusion_session(&context.state())
            .map_err(Error::delta("read", table.name))?;
        delta.table_provider().await.map_err(|error| mistake::explain(&error, &[]))
    }
}

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
