//! A query whose rows stay here, for whoever computes with them.

use std::pin::pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use tokio::sync::oneshot;
use tonic::Status;
use trigpoint_lake::{Interrupt, Versions};

use super::Record;
use crate::admission::Slot;
use crate::service::Shared;
use crate::status;

/// What rows are put together into, batch by batch.
pub(crate) type Add<T> = fn(&mut T, &RecordBatch) -> Result<(), Status>;

/// Runs a query that this service has written within the bounds of all others, adds its
/// rows to `sum`, and says of which versions of the tables they are.  Ends it when
/// whoever waits for it has left.
pub(crate) async fn fold<T: Send + 'static>(
    shared: &Arc<Shared>,
    principal: String,
    sql: String,
    sum: T,
    add: Add<T>,
) -> Result<(T, Versions), Status> {
    let mut record = Record::new(Arc::clone(shared), principal, &sql);
    let slot = shared.queries.enter().await.inspect_err(|status| record.end(Some(status)))?;
    let time = shared.settings.run_at_most;
    let (starting, mut started) = oneshot::channel();
    let running = run(Arc::clone(shared), sql, slot, starting, sum, add);
    let mut running = shared.workers.spawn(running);
    let (mut telling, told) = oneshot::channel();
    // On the threads of the network, where a clock is looked at.
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = &mut running => ended.unwrap_or_else(|_| Err(status::fault())),
            () = tokio::time::sleep(time) => Err(status::too_long(time)),
            () = telling.closed() => Err(Status::aborted("the client left")),
        };
        if let Ok((_, versions)) = &ended {
            record.versions.clone_from(versions);
        } else {
            // One that has not started finds nobody to tell so, and does not.
            started.close();
            if let Ok(interrupt) = started.try_recv() {
                interrupt.end("nobody waits for its rows");
            }
        }
        record.end(ended.as_ref().err());
        // Nobody is left to tell when the client went away.
        let _ = telling.send(ended);
    });
    told.await.unwrap_or_else(|_| Err(status::fault()))
}

/// Plans and runs it; the plan is dropped here too, on the threads that have the stack.
async fn run<T>(
    shared: Arc<Shared>,
    sql: String,
    _slot: Slot,
    starting: oneshot::Sender<Interrupt>,
    mut sum: T,
    add: Add<T>,
) -> Result<(T, Versions), Status> {
    let planning = shared.planning.enter().await?;
    let plan = shared.session.plan(&sql).await.map_err(|error| status::of(&error))?;
    drop(planning);
    let answer = plan.execute().await.map_err(|error| status::of(&error))?;
    let interrupt = answer.interrupt();
    if starting.send(interrupt.clone()).is_err() {
        return Err(Status::aborted("the client left"));
    }
    let added = async {
        let mut batches = pin!(answer.into_stream());
        while let Some(batch) = batches.try_next().await.map_err(|error| status::of(&error))? {
            add(&mut sum, &batch)?;
        }
        Ok::<_, Status>(())
    };
    tokio::select! {
        added = added => added?,
        why = interrupt.ended() => return Err(status::of(&why)),
    }
    Ok((sum, plan.versions().clone()))
}
