//! The end of an execution from outside, before its last row.
//!
//! An execution whose stream is dropped ends where it waits, and there are operators
//! that compute for hours before they do.  So it is told to end too, and whatever may
//! compute for long looks whether it was (`interruptible.rs`).

use datafusion::common::{Result, resources_datafusion_err};
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::watch;

use super::QueryError;

/// Ends one execution; clones end the same.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Sender<Option<String>>);

impl Interrupt {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Says why the execution ends, unless somebody has already.
    pub fn end(&self, why: &str) {
        self.0.send_if_modified(|reason| {
            let is_first = reason.is_none();
            reason.get_or_insert_with(|| why.to_owned());
            is_first
        });
    }

    /// Waits until somebody has.
    pub async fn ended(&self) -> QueryError {
        let mut reason = self.0.subscribe();
        let reason = reason.wait_for(Option::is_some).await.ok().and_then(|it| it.clone());
        // The sender lives as long as `self`, so there is one.
        QueryError::TooLarge(reason.unwrap_or_default())
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// The reason as an error, once there is one.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.borrow().as_ref() {
            Some(reason) => Err(resources_datafusion_err!("{reason}")),
            None => Ok(()),
        }
    }

    /// Rows until then, and the reason.
    pub(super) fn cut<T: Send + 'static>(
        self,
        rows: impl Stream<Item = Result<T>> + Send + 'static,
    ) -> impl Stream<Item = Result<T>> + Send + 'static {
        let ended = self.clone();
        let rows = rows.take_until(Box::pin(async move { ended.ended().await }));
        let reason = stream::once(async move { self.check() });
        // Whoever was not interrupted has had its last row.
        rows.chain(reason.filter_map(|over| std::future::ready(over.err().map(Err))))
    }
}
