//! The live streams, and what the committer tells each of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::memory::Account;

/// One stream, as the committer and its successor see it.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Name of the spool's transactions: principal and spool id.
    pub(crate) app_id: String,
    /// Its rows that wait for their commit.
    pub(crate) memory: Arc<Account>,
    state: watch::Sender<State>,
}

/// How far a stream is committed, and why it has to end.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// Everything that it brought up to this sequence number is committed.
    pub(crate) committed: u64,
    pub(crate) end: Option<End>,
}

/// Why a stream has to end.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The same spool has opened another one.
    Replaced,
    /// Its batches could not be committed.
    Failed {
        /// No sooner than this should it come back.
        after: std::time::Duration,
        /// What the lake said.
        detail: String,
    },
}

impl Stream {
    pub(crate) fn new(app_id: String, memory_bytes: usize) -> Arc<Self> {
        let (memory, state) = (Account::new(memory_bytes), watch::Sender::default());
        Arc::new(Self { app_id, memory, state })
    }

    pub(crate) fn state(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) fn committed(&self, seq: u64) {
        self.state.send_modify(|state| state.committed = state.committed.max(seq));
    }

    pub(crate) fn end(&self, end: End) {
        self.state.send_modify(|state| {
            // A failure outranks: what comes behind it must not be committed.
            if !matches!(state.end, Some(End::Failed { .. })) {
                state.end = Some(end);
            }
        });
    }

    /// Whether something that the stream brought was not committed, so that
    /// nothing behind it may be.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state.borrow().end, Some(End::Failed { .. }))
    }

    /// Waits until the stream has to end.
    pub(crate) async fn ended(&self) -> End {
        let mut state = self.state();
        match state.wait_for(|state| state.end.is_some()).await.map(|state| state.end.clone()) {
            Ok(Some(end)) => end,
            // The sender lives in `self`, so the channel cannot close meanwhile.
            _ => std::future::pending().await,
        }
    }
}

/// The live stream of each spool.
#[derive(Debug)]
pub(crate) struct Streams {
    live: Mutex<BTreeMap<String, Arc<Stream>>>,
    most: usize,
}

impl Streams {
    pub(crate) fn new(most: usize) -> Self {
        Self { live: Mutex::default(), most }
    }

    /// Makes `stream` its spool's only one; false when there are too many.
    pub(crate) fn enter(&self, stream: &Arc<Stream>) -> bool {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.len() >= self.most && !live.contains_key(&stream.app_id) {
            return false;
        }
        if let Some(older) = live.insert(stream.app_id.clone(), Arc::clone(stream)) {
            older.end(End::Replaced);
        }
        true
    }

    /// Forgets `stream`, unless a newer one has taken its place.
    pub(crate) fn leave(&self, stream: &Arc<Stream>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.get(&stream.app_id).is_some_and(|live| Arc::ptr_eq(live, stream)) {
            live.remove(&stream.app_id);
        }
    }
}
