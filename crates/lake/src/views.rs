//! M-Lab's views over the tables: SQL files, planned when a query names them.
//!
//! Owns which views there are and what each needs.  Must never plan a view that
//! no query asks for: most queries name a table and nothing else.
//!
//! Sources: m-lab/etl-schema e00a051, `views/`; m-lab/etl c5f7e36, `schema/`.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::catalog::view::ViewTable;
use datafusion::common::{Result, TableReference};
use datafusion::execution::SessionState;
use datafusion::optimizer::AnalyzerRule as _;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::dialect::DuckDbDialect;
use trigpoint_record::Table;

use crate::session::parse;

/// The schemas that views are in.
pub(crate) const SCHEMAS: [&str; 3] = ["ndt", "ndt_raw", "ndt_intermediate"];

/// A view as its file defines it.
#[derive(Debug)]
pub(crate) struct View {
    schema: &'static str,
    name: &'static str,
    sql: &'static str,
}

macro_rules! views {
    ($($schema:ident.$name:ident,)+) => {
        &[$(View {
            schema: stringify!($schema),
            name: stringify!($name),
            sql: include_str!(
                concat!("../views/", stringify!($schema), "/", stringify!($name), ".sql")
            ),
        }),+]
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
];

/// A view that is wanted, before it is planned.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) view: &'static View,
    statement: Statement,
    /// The tables and views after its FROM and JOIN.
    pub(crate) names: Vec<TableReference>,
}

impl View {
    pub(crate) fn reference(&self) -> TableReference {
        TableReference::partial(self.schema, self.name)
    }

    fn is_named_in<'a>(&self, mut names: impl Iterator<Item = &'a TableReference>) -> bool {
        names.any(|name| name.schema() == Some(self.schema) && name.table() == self.name)
    }

    fn parse(&'static self, state: &SessionState) -> Result<Wanted> {
        // The dialect in which DataFusion parses lambdas.
        let statement = parse::as_written(self.sql, &DuckDbDialect {})?;
        let names = state.resolve_table_references(&statement)?;
        Ok(Wanted { view: self, statement, names })
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

/// Plans a view over what is registered, and registers it.
pub(crate) async fn register(state: &SessionState, wanted: Wanted) -> Result<Arc<ViewTable>> {
    let Wanted { view, statement, .. } = wanted;
    let plan = state.statement_to_plan(statement).await?;
    // As DataFusion's own CREATE VIEW does it: its types are then those of its rows.
    let plan = TypeCoercion::new().analyze(plan, state.config_options())?;
    let table = Arc::new(ViewTable::new(plan, Some(view.sql.to_owned())));
    let schema = state.schema_for_ref(view.reference())?;
    schema.register_table(view.name.to_owned(), Arc::<ViewTable>::clone(&table))?;
    Ok(table)
}

#[cfg(test)]
mod tests;
