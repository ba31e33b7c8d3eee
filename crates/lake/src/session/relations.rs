//! The tables and views as programs list them.

use arrow::datatypes::SchemaRef;

use super::{PUBLIC, QueryError, Session, context, empty, mistake};
use crate::{schema, views};

/// A table or view.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The schema that it is in.
    pub schema: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// Whether it is a view, and no table.
    pub is_view: bool,
    /// Its columns, with meaning and unit in the metadata `comment`.
    pub columns: SchemaRef,
    /// The columns that tell each row from every other; none of a view.
    pub key: Vec<&'static str>,
}

impl Session {
    /// Every table and view there is, whether anybody has written to it or not.
    pub async fn relations(&self) -> Result<Vec<Relation>, QueryError> {
        let explain = |error| mistake::explain(&error, &[]);
        let context = context(self.lake.runtime()).map_err(explain)?;
        let state = context.state();
        let mut relations = Vec::new();
        for table in self.lake.tables() {
            let provider = empty(table)?;
            relations.push(Relation {
                schema: PUBLIC,
                name: table.name,
                is_view: false,
                columns: provider.schema(),
                key: schema::key_columns(table),
            });
            context.register_table(table.name, provider).map_err(explain)?;
        }
        for wanted in views::over(views::all(&state).map_err(explain)?, self.lake.tables()) {
            let (schema, name) = (wanted.view.schema(), wanted.view.name());
            let columns = views::register(&state, wanted, None).await;
            let columns = columns.map_err(explain)?.schema();
            relations.push(Relation { schema, name, is_view: true, columns, key: Vec::new() });
        }
        Ok(relations)
    }
}
