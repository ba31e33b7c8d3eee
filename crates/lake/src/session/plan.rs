//! A query that is planned and not started: what it reads, answers with, and lacks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, SchemaRef};
use chrono::Utc;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use super::interrupt::Interrupt;
use super::interruptible::Interruptible;
use super::resources::Resources;
use super::{Answer, Origin, QueryError, mistake};

/// The version of each table that a query reads; `None` for one that nobody has
/// made yet.
pub type Versions = BTreeMap<String, Option<u64>>;

/// One statement over the tables as they were when it was planned.  Cheap to
/// clone, and may be executed any number of times.
#[derive(Clone)]
pub struct Plan {
    pub(super) state: SessionState,
    pub(super) logical: LogicalPlan,
    pub(super) sql: Arc<str>,
    pub(super) versions: Versions,
    /// Columns of the tables that it reads, for messages.
    pub(super) columns: Arc<Vec<String>>,
    pub(super) resources: Option<Arc<Resources>>,
}

impl Plan {
    /// The versions of the tables that it reads.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Names and types of the columns of its answer.
    pub fn schema(&self) -> Result<SchemaRef, QueryError> {
        // Until then the types of a UNION or CASE are not what its rows have.
        let config = self.state.config_options();
        let analyzed = self
            .state
            .analyzer()
            .execute_and_check(self.logical.clone(), config, |_, _| {})
            .map_err(|error| self.explain(&error))?;
        Ok(Arc::new(analyzed.schema().as_arrow().clone()))
    }

    /// The parameters `$1`, `$2` and so on that it wants, in that order; a `?`
    /// is the next of them.  Those of unknown type are text.
    pub fn parameters(&self) -> Result<Vec<Field>, QueryError> {
        let wanted = self.logical.get_parameter_fields().map_err(|error| self.explain(&error))?;
        let mut by_number = BTreeMap::new();
        for (name, field) in wanted {
            let number = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok());
            let Some(number) = number.filter(|number| (1..=PARAMETERS).contains(number)) else {
                return Err(QueryError::Refused(format!(
                    "there can be no parameter `{name}`: call them `$1` to `${PARAMETERS}`, or `?`"
                )));
            };
            let known = field.map(|field| field.data_type().clone());
            by_number.insert(number, known);
        }
        let count = by_number.last_key_value().map_or(0, |(number, _)| *number);
        let field = |number| {
            let known = by_number.get(&number).cloned().flatten();
            Field::new(format!("${number}"), known.unwrap_or(DataType::Utf8), true)
        };
        Ok((1..=count).map(field).collect())
    }

    /// The query with its parameters: the columns of `values`, which has one row.
    pub fn bind(&self, values: &RecordBatch) -> Result<Self, QueryError> {
        let wanted = self.parameters()?.len();
        if values.num_rows() != 1 || values.num_columns() != wanted {
            return Err(QueryError::Refused(format!(
                "the query wants one row of {wanted} parameters, and got {} of {}",
                values.num_rows(),
                values.num_columns()
            )));
        }
        let values = values.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
        let explain = |error| self.explain(&error);
        let values: Vec<_> = values.collect::<Result<_, _>>().map_err(explain)?;
        let logical = self.logical.clone();
        let logical =
            logical.replace_params_with_values(&ParamValues::from(values)).map_err(explain)?;
        Ok(Self { logical, ..self.clone() })
    }

    /// Starts it.
    pub async fn execute(&self) -> Result<Answer, QueryError> {
        let missing = self.parameters()?.len();
        if missing > 0 {
            return Err(QueryError::Refused(format!(
                "the query wants {missing} parameters, and got none"
            )));
        }
        let explain = |error| self.explain(&error);
        let mut state = self.state.clone();
        let interrupt = Interrupt::new();
        if let Some(resources) = &self.resources {
            // Each execution has a share of its own.
            let runtime = resources.share(&interrupt).map_err(explain)?;
            state = SessionStateBuilder::new_from_existing(state)
                .with_runtime_env(runtime)
                .with_physical_optimizer_rule(Arc::new(resources.constants()))
                .with_physical_optimizer_rule(Arc::new(Interruptible(interrupt.clone())))
                .build();
        }
        let context = SessionContext::new_with_state(state);
        let frame = context.execute_logical_plan(self.logical.clone()).await.map_err(explain)?;
        let stream = frame.execute_stream().await.map_err(explain)?;
        let (schema, rows) = (stream.schema(), interrupt.clone().cut(stream));
        let stream = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        let (sql, versions) = (self.sql.to_string(), self.versions.clone());
        Ok(Answer { stream, origin: Origin { sql, time: Utc::now(), versions }, interrupt })
    }

    fn explain(&self, error: &DataFusionError) -> QueryError {
        mistake::explain(error, &self.columns)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Plan").field("versions", &self.versions).finish_non_exhaustive()
    }
}

/// More than anybody binds, and few enough to list.
const PARAMETERS: usize = 1000;
