//! Queries that can be cancelled, by the name in their ticket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// Who runs what.  A ticket is not secret to its client alone, so only the
/// account that asked can cancel.
#[derive(Debug, Default)]
pub(crate) struct Running {
    queries: Mutex<HashMap<(String, u64), watch::Sender<bool>>>,
}

/// One that runs; forgotten when dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    running: Arc<Running>,
    key: (String, u64),
    cancelled: watch::Receiver<bool>,
}

impl Running {
    pub(crate) fn register(self: &Arc<Self>, principal: &str, execution: u64) -> Registration {
        let key = (principal.to_owned(), execution);
        let (sender, cancelled) = watch::channel(false);
        self.lock().insert(key.clone(), sender);
        Registration { running: Arc::clone(self), key, cancelled }
    }

    /// Whether there was such a query, which now ends.
    pub(crate) fn cancel(&self, principal: &str, execution: u64) -> bool {
        let queries = self.lock();
        let found = queries.get(&(principal.to_owned(), execution));
        found.inspect(|query| _ = query.send_replace(true)).is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, u64), watch::Sender<bool>>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// Waits until somebody cancels it.
    pub(crate) async fn cancelled(&mut self) {
        if self.cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            // A second execution of the ticket has taken its name.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut queries = self.running.lock();
        // The name may stand for a later execution of the same ticket.
        if queries.get(&self.key).is_some_and(|it| it.subscribe().same_channel(&self.cancelled)) {
            queries.remove(&self.key);
        }
    }
}
