//! M-Lab's views over the tables: SQL files, planned when a query names them.
//!
//! One of them is no SQL: [`Connections`], of which `ndt.tcpinfo` is made.
//!
//! Owns which views there are and what each needs.  Must never plan a view that
//! no query asks for: most queries name a table and nothing else.
//!
//! Sources: m-lab/etl-schema e00a051, `views/`; m-lab/etl c5f7e36, `schema/`.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Result, TableReference, internal_datafusion_err};
use datafusion::execution::SessionState;
use datafusion::optimizer::AnalyzerRule as _;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::DuckDbDialect;
use deltalake::DeltaTable;
use trigpoint_record::Table;

use crate::connections::{self, Connections};
use crate::session::parse;

/// The schemas that views are in.
pub(crate) const SCHEMAS: [&str; 3] = ["ndt", "ndt_raw", "ndt_intermediate"];

/// A view and what defines it.
#[derive(Debug)]
pub(crate) struct View {
    schema: &'static str,
    name: &'static str,
    definition: Definition,
}

#[derive(Debug, Clone, Copy)]
enum Definition {
    Sql(&'static str),
    Connections,
}

macro_rules! views {
    ($($schema:ident.$name:ident $(= $definition:expr)?,)+) => {
        &[$(View {
            schema: stringify!($schema),
            name: stringify!($name),
            definition: views!(@ $schema $name $($definition)?),
        }),+]
    };
    (@ $schema:ident $name:ident $definition:expr) => { $definition };
    (@ $schema:ident $name:ident) => {
        Definition::Sql(include_str!(
            concat!("../views/", stringify!($schema), "/", stringify!($name), ".sql")
        ))
    };
}

/// Every view; each comes after those that it names.
pub(crate) static VIEWS: &[View] = views![
    ndt_intermediate.ndt7_tests,
    ndt.ndt7,
    ndt.ndt7_union,
    ndt_raw.ndt7,
    ndt_intermediate.extended_ndt7_downloads,
    ndt_intermediate.extended_ndt7_uploads,
    ndt.unified_downloads,
    ndt.unified_uploads,
    ndt_raw.annotation2,
    ndt.annotation2,
    ndt_raw.scamper1,
    ndt.scamper1,
    ndt.hops,
    ndt_raw.hopannotation2,
    ndt.snapshots_flat,
    ndt_intermediate.connections = Definition::Connections,
    ndt.tcpinfo,
    ndt_raw.tcpinfo,
];

/// A view that is wanted, before it is planned.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) view: &'static View,
    /// None where it is no SQL.
    statement: Option<Statement>,
    /// The tables and views after its FROM and JOIN.
    pub(crate) names: Vec<TableReference>,
}

impl Wanted {
    /// Whether its rows may have lists of snapshots.
    pub(crate) fn has_lists(&self) -> bool {
        matches!(self.view.definition, Definition::Connections)
    }
}

impl View {
    pub(crate) fn schema(&self) -> &'static str {
        self.schema
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn reference(&self) -> TableReference {
        TableReference::partial(self.schema, self.name)
    }

    fn is_named_in<'a>(&self, mut names: impl Iterator<Item = &'a TableReference>) -> bool {
        names.any(|name| name.schema() == Some(self.schema) && name.table() == self.name)
    }

    fn parse(&'static self, state: &SessionState) -> Result<Wanted> {
        let Definition::Sql(sql) = self.definition else {
            let names = connections::TABLES.map(TableReference::bare).into();
            return Ok(Wanted { view: self, statement: None, names });
        };
        // The dialect in which DataFusion parses lambdas.
        let statement = parse::as_written(sql, &DuckDbDialect {})?;
        let names = state.resolve_table_references(&statement)?;
        Ok(Wanted { view: self, statement: Some(statement), names })
    }
}

impl fmt::Display for View {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.schema, self.name)
    }
}

/// The views among these names and those that they need, in the order of [`VIEWS`].
pub(crate) fn needed(state: &SessionState, names: &[TableReference]) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for view in VIEWS.iter().rev() {
        let inner = wanted.iter().flat_map(|outer| &outer.names);
        if view.is_named_in(names.iter().chain(inner)) {
            wanted.push(view.parse(state)?);
        }
    }
    wanted.reverse();
    Ok(wanted)
}

/// Every view.
pub(crate) fn all(state: &SessionState) -> Result<Vec<Wanted>> {
    VIEWS.iter().map(|view| view.parse(state)).collect()
}

/// Those of the views, in the order of [`VIEWS`], that need no other tables than these.
pub(crate) fn over(views: Vec<Wanted>, tables: &[&Table]) -> Vec<Wanted> {
    let mut there: HashSet<_> = tables.iter().map(|it| TableReference::bare(it.name)).collect();
    let mut has_all = |view: &Wanted| {
        let has_all = view.names.iter().all(|name| there.contains(name));
        has_all && there.insert(view.view.reference())
    };
    views.into_iter().filter(|view| has_all(view)).collect()
}

/// Plans a view over what is registered, and registers it; `snapshots` is the
/// table of that name as the query sees it.
pub(crate) async fn register(
    state: &SessionState,
    wanted: Wanted,
    snapshots: Option<DeltaTable>,
) -> Result<Arc<dyn TableProvider>> {
    let table: Arc<dyn TableProvider> = if let Definition::Sql(sql) = wanted.view.definition
        && let Some(statement) = wanted.statement
    {
        let plan = state.statement_to_plan(statement).await?;
        // As DataFusion's own CREATE VIEW does it: its types are then those of its rows.
        let plan = TypeCoercion::new().analyze(plan, state.config_options())?;
        Arc::new(ViewTable::new(plan, Some(sql.to_owned())))
    } else {
        let flows = table(state, connections::TABLES[0]).await?;
        Arc::new(Connections::new(state, flows, snapshots)?)
    };
    let schema = state.schema_for_ref(wanted.view.reference())?;
    schema.register_table(wanted.view.name.to_owned(), Arc::clone(&table))?;
    Ok(table)
}

async fn table(state: &SessionState, name: &str) -> Result<Arc<dyn TableProvider>> {
    let table = state.schema_for_ref(name)?.table(name).await?;
    table.ok_or_else(|| internal_datafusion_err!("there is no table `{name}`"))
}

#[cfg(test)]
mod tests;
