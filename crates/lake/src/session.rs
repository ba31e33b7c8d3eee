//! SQL over the tables.
//!
//! Owns which tables and views a query sees (the newest snapshot of each when the
//! query starts) and what it may do: read.  Works while other processes write, and
//! before any table exists: a table that nobody has made yet is empty.
//! Must never read a table by listing its files.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use arrow::datatypes::{Field, SchemaRef};
use datafusion::catalog::{MemorySchemaProvider, TableProvider};
use datafusion::common::{TableReference, internal_datafusion_err};
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::{SQLOptions, SessionContext};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimize_projections::OptimizeProjections;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use deltalake::DeltaTable;
use trigpoint_record::Table;
use trigpoint_record::tables::SNAPSHOTS;

use crate::functions::Concatenation;
use crate::{Error, Lake, connections, functions, schema, views};

mod answer;
mod constants;
mod fields;
mod integers;
mod interrupt;
mod interruptible;
mod mistake;
mod naming;
mod older;
pub(crate) mod parse;
mod plan;
mod relations;
mod resources;

pub use answer::{Answer, Origin};
pub use interrupt::Interrupt;
pub use plan::{Plan, Versions};
pub use relations::Relation;
pub use resources::Limits;
use resources::Resources;

/// Runs queries on one lake.
#[derive(Debug, Clone)]
pub struct Session {
    lake: Lake,
    /// `None` for all that the machine has.
    resources: Option<Arc<Resources>>,
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
    /// It needs more memory or disk than it may take.
    #[error(
        "the query needs more than it may take ({0}); narrow its filter, select fewer columns or \
         aggregate earlier"
    )]
    TooLarge(String),
    /// Anything else that DataFusion refuses: syntax, types, writing.
    #[error("{0}")]
    Refused(String),
    /// The lake could not be read.
    #[error(transparent)]
    Lake(#[from] Error),
}

impl Session {
    pub(crate) fn new(lake: Lake) -> Self {
        Self { lake, resources: None }
    }

    /// A session whose queries, all clones together, take no more than that.
    pub(crate) fn within(lake: Lake, limits: &Limits) -> Result<Self, QueryError> {
        let resources = Resources::new(limits).map_err(|error| {
            let directory = limits.spill_directory.display();
            QueryError::Refused(format!("cannot use `{directory}` for large queries: {error}"))
        })?;
        Ok(Self { lake, resources: Some(Arc::new(resources)) })
    }

    /// Bytes of rows that queries of this session keep in memory, as far as it
    /// has limits.
    pub fn memory_bytes(&self) -> usize {
        self.resources.as_ref().map_or(0, |resources| resources.memory_bytes())
    }

    /// Bytes that queries of this session have on disk, as far as it has limits.
    pub fn spilled_bytes(&self) -> u64 {
        self.resources.as_ref().map_or(0, |resources| resources.spilled_bytes())
    }

    /// Plans and starts one statement: SELECT, EXPLAIN, SHOW TABLES or DESCRIBE.
    pub async fn query(&self, sql: &str) -> Result<Answer, QueryError> {
        self.plan(sql).await?.execute().await
    }

    /// Plans one statement over the tables as they are now, and starts nothing.
    pub async fn plan(&self, sql: &str) -> Result<Plan, QueryError> {
        let explain = |error: DataFusionError| mistake::explain(&error, &[]);
        let resources = self.resources.as_ref();
        let runtime = resources.map(|resources| Arc::clone(&resources.runtime));
        let runtime = runtime.unwrap_or_else(|| self.lake.runtime());
        // Last committed, first loaded: `tables` has the order of commits, so that a
        // test which is visible here finds all of its snapshots.  For that each is
        // looked up after the end of the look at the one before it.
        let not_before = resources.map_or_else(Instant::now, |resources| {
            let now = Instant::now();
            now.checked_sub(resources.snapshot_age).unwrap_or(now)
        });
        let lower_case = parse::spelled(sql, &BTreeSet::new()).map_err(explain)?;
        let (named, _) = resolve_table_references(&lower_case, false).map_err(explain)?;
        self.load_ahead(&named, not_before);
        let context = context(runtime).map_err(explain)?;
        let (read, versions) = self.register(&context, &named, not_before).await?;

        let columns = || read.iter().flat_map(|schema| schema.fields().iter().map(AsRef::as_ref));
        let names = named.iter().flat_map(|name| [name.schema(), Some(name.table())]);
        let columns_and_tables = columns().map(Field::name).map(String::as_str);
        let known = columns_and_tables.chain(names.flatten()).map(str::to_owned).collect();
        let mut statement = parse::spelled(sql, &known).map_err(explain)?;
        naming::name_fields(&mut statement);

        let columns = Arc::new(fields::paths(columns()));
        let explain = |error: DataFusionError| mistake::explain(&error, &columns);
        let plan = planned(&context, statement, &parse::given_names(sql), &explain).await;
        match plan {
            Err(QueryError::Refused(reason)) => {
                let unknown = self.unknown_table(&context, &named)?;
                Err(unknown.unwrap_or(QueryError::Refused(reason)))
            }
            plan => Ok(Plan {
                state: context.state(),
                logical: plan?,
                sql: Arc::from(sql),
                versions,
                columns,
                resources: self.resources.clone(),
            }),
        }
    }

    /// Begins to load the first of the named tables, while a context is made: in a
    /// new process that takes 3 ms.
    fn load_ahead(&self, named: &[TableReference], not_before: Instant) {
        let mut tables = self.lake.tables().iter().rev();
        let first = tables.find(|table| named.iter().any(|name| name.table() == table.name));
        let Some(&first) = first else { return };
        let lake = self.lake.clone();
        // `register` waits for it, and meets an error by itself.
        tokio::spawn(async move { lake.snapshot_of(first, not_before).await.map(drop) });
    }

    /// Makes known to the context what the names need; returns the columns of
    /// the tables and views that they are of, and which versions are read.
    async fn register(
        &self,
        context: &SessionContext,
        named: &[TableReference],
        mut not_before: Instant,
    ) -> Result<(Vec<SchemaRef>, Versions), QueryError> {
        let explain = |error: DataFusionError| mistake::explain(&error, &[]);
        let state = context.state();
        let lists_tables = named.iter().any(|name| name.schema() == Some(INFORMATION_SCHEMA));
        let views = if lists_tables { views::all(&state) } else { views::needed(&state, named) };
        let views = views::over(views.map_err(explain)?, self.lake.tables());
        let needed = views::needed(&state, named).map_err(explain)?;
        if needed.iter().any(views::Wanted::has_lists) {
            let state = context.state_ref();
            let mut state = state.write();
            *state.config_mut() = connections::configured(state.config().clone());
        }
        let (mut read, mut versions) = (Vec::new(), Versions::new());
        let mut snapshots = None;
        for table in self.lake.tables().iter().rev() {
            let is_it = |name: &TableReference| name.table() == table.name;
            let is_named = named.iter().any(is_it);
            // Only what the query needs is loaded.
            let provider = if is_named || needed.iter().flat_map(|view| &view.names).any(is_it) {
                let snapshot = self.lake.snapshot_of(table, not_before).await?;
                not_before = snapshot.as_ref().map_or(not_before, |(_, until)| *until);
                let stored = snapshot.map(|(delta, _)| delta);
                versions
                    .insert(table.name.to_owned(), stored.as_ref().and_then(DeltaTable::version));
                if table.name == SNAPSHOTS.name {
                    snapshots.clone_from(&stored);
                }
                provider(table, stored, context).await?
            } else if lists_tables {
                empty(table)?
            } else {
                continue;
            };
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
        Ok((read, versions))
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
            Some(PUBLIC) => there.contains(&TableReference::bare(name.table())),
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
    let Some(delta) = stored else { return empty(table) };
    delta.update_datafusion_session(&context.state()).map_err(Error::delta("read", table.name))?;
    let explain = |error| mistake::explain(&error, &[]);
    let stored = delta.table_provider().await.map_err(explain)?;
    let schema = schema::arrow_schema(table)?;
    older::complete(table.name, stored, &schema).map_err(explain)
}

/// A context without tables.
fn context(runtime: Arc<RuntimeEnv>) -> Result<SessionContext, DataFusionError> {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, PUBLIC);
    // `parse::spelled` does that.
    config.options_mut().sql_parser.enable_ident_normalization = false;
    // As in BigQuery and Spark: NULL is the least of all values.
    config.options_mut().sql_parser.default_null_ordering = "nulls_min".into();
    // It compares comments of columns too, which DataFusion 55 forgets on the way to
    // a field of a struct that a view makes of them.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_expr_planners(vec![Arc::new(fields::FieldsByName), Arc::new(Concatenation::new())])
        .with_default_features()
        .with_optimizer_rules(optimizer_rules())
        .with_runtime_env(runtime)
        .build();
    let context = SessionContext::new_with_state(state);
    functions::register(&context)?;
    let catalog = context
        .catalog(CATALOG)
        .ok_or_else(|| internal_datafusion_err!("the session has no catalog `{CATALOG}`"))?;
    for schema in views::SCHEMAS {
        catalog.register_schema(schema, Arc::new(MemorySchemaProvider::new()))?;
    }
    Ok(context)
}

/// DataFusion's, but for one.
fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    for rule in &mut rules {
        // In DataFusion 55 it gives two expressions of one view one name.  In its
        // place what a query does not want of a view is left out: the rules after it
        // would follow each of hundreds of fields first.
        if rule.name() == "common_sub_expression_eliminate" {
            *rule = Arc::new(OptimizeProjections::new());
        }
    }
    rules
}

/// A statement as a plan that only reads.
async fn planned(
    context: &SessionContext,
    statement: Statement,
    spellings: &HashMap<String, String>,
    explain: &impl Fn(DataFusionError) -> QueryError,
) -> Result<LogicalPlan, QueryError> {
    if parse::writes(&statement) {
        return Err(QueryError::Refused(READ_ONLY.to_owned()));
    }
    let plan = context.state().statement_to_plan(statement).await.map_err(explain)?;
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|_| QueryError::Refused(READ_ONLY.to_owned()))?;
    naming::spell_columns(plan, spellings).map_err(explain)
}

/// What everything is in.
pub const CATALOG: &str = "trigpoint";
/// The schema of the tables.
const PUBLIC: &str = "public";

const INFORMATION_SCHEMA: &str = "information_schema";

const READ_ONLY: &str = "queries only read: use SELECT, EXPLAIN, SHOW TABLES or DESCRIBE";

fn empty(table: &'static Table) -> Result<Arc<dyn TableProvider>, QueryError> {
    Ok(Arc::new(EmptyTable::new(schema::arrow_schema(table)?)))
}

#[cfg(test)]
mod tests;
