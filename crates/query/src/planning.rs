//! SQL and parameters to a plan.
//!
//! All of it on the threads of [`crate::workers`], whose stacks are large: a plan is
//! as deep as its longest chain of operators, and is cloned and dropped by recursion.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use tonic::Status;
use trigpoint_lake::{Plan, Versions};

use crate::handle::Handle;
use crate::plans::Planned;
use crate::service::Shared;
use crate::{shape, status};

/// A plan of the statement over tables that are no older than they may be.
async fn plan(shared: &Shared, sql: &str) -> Result<Arc<Planned>, Status> {
    let longest = shared.settings.sql_bytes;
    if sql.len() > longest {
        return Err(Status::invalid_argument(format!(
            "the statement has {} bytes, and may have {longest}",
            sql.len()
        )));
    }
    if let Some(planned) = shared.plans.fresh(sql) {
        return Ok(planned);
    }
    let _slot = shared.planning.enter().await?;
    if let Some(planned) = shared.plans.fresh(sql) {
        return Ok(planned);
    }
    let made = Instant::now();
    let within = shared.settings.run_at_most;
    let plan = tokio::time::timeout(within, shared.session.plan(sql))
        .await
        .map_err(|_| status::too_long(within))?
        .map_err(|error| status::of(&error))?;
    Ok(shared.plans.keep(sql.to_owned(), plan, made))
}

/// The plan that a ticket is of, or one as good, with its parameters.
pub(crate) async fn of_ticket(shared: &Shared, handle: &Handle) -> Result<Plan, Status> {
    let planned = match shared.plans.of_ticket(handle.plan, &handle.sql) {
        Some(planned) => planned,
        None => plan(shared, &handle.sql).await?,
    };
    bound(&planned.plan, handle.bound().await?.as_ref())
}

/// What a client is told of a statement before it asks for rows.
pub(crate) struct Description {
    /// The plan's name in a ticket.
    pub(crate) plan: u64,
    /// The columns of its answer.
    pub(crate) answer: SchemaRef,
    /// The columns of its parameters.
    pub(crate) parameters: Schema,
    /// The versions of the tables that it reads.
    pub(crate) versions: Versions,
}

/// Plans a statement with the parameters that are bound to it, and forgets no plan
/// on the caller's thread.
pub(crate) async fn describe(shared: &Arc<Shared>, handle: Handle) -> Result<Description, Status> {
    let inside = Arc::clone(shared);
    let described = async move {
        let planned = plan(&inside, &handle.sql).await?;
        let plan = bound(&planned.plan, handle.bound().await?.as_ref())?;
        let failed = |error| status::of(&error);
        let parameters = Schema::new(plan.parameters().map_err(failed)?);
        let answer = plan.schema().map_err(failed)?;
        Ok::<_, Status>(Description {
            plan: planned.id,
            answer: shape::of_answer(&answer, plan.versions()),
            parameters: shape::of_columns(&parameters),
            versions: plan.versions().clone(),
        })
    };
    shared.workers.spawn(described).await.unwrap_or_else(|_| Err(status::fault()))
}

/// The plan with a row of parameters, or as it is.
fn bound(plan: &Plan, parameters: Option<&RecordBatch>) -> Result<Plan, Status> {
    match parameters {
        Some(row) => plan.bind(row).map_err(|error| status::of(&error)),
        None => Ok(plan.clone()),
    }
}
