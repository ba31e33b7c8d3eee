//! Bounds on the bytes that wait for a commit.

use std::sync::Arc;

use tokio::sync::watch;

/// Bytes in use against a limit.
#[derive(Debug)]
pub(crate) struct Account {
    used: watch::Sender<usize>,
    limit: usize,
}

/// Bytes in use, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    account: Arc<Account>,
    bytes: usize,
}

impl Account {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { used: watch::Sender::new(0), limit })
    }

    /// Whether nothing more may come for now.
    pub(crate) fn is_full(&self) -> bool {
        *self.used.borrow() >= self.limit
    }

    /// Waits until the account is below its limit.
    pub(crate) async fn room(&self) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.used.subscribe().wait_for(|used| *used < self.limit).await;
    }

    /// Takes the bytes, over the limit if need be: how large a batch is shows
    /// only once it is decoded.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.used.send_modify(|used| *used += bytes);
        Held { account: Arc::clone(self), bytes }
    }

    pub(crate) fn used(&self) -> usize {
        *self.used.borrow()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.used.send_modify(|used| *used -= self.bytes);
    }
}
