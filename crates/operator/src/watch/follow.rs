//! One stream: list, then watch from there, and again.

use std::collections::HashMap;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::guard::{Guarded, Unreadable};
use super::health::Pulse;
use super::store::{Key, Store};

/// Objects of one page of a list.
const PAGE: u32 = 500;
const SHORTEST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// How long a stream waits for what: parts of the time after which it counts as dead,
/// so that one whose connection is dead has another try before that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// The server keeps a watch open for so long.
    watch_seconds: u32,
    /// Who is silent for longer, and sends not even a bookmark, is not there any more,
    /// whatever TCP says.
    silence: Duration,
    /// A page of a list, or the start of a watch.
    answer: Duration,
}

impl Patience {
    pub(super) fn within(deadline: Duration) -> Self {
        Self {
            // The server says 290 s is the most that is safe.  It sends bookmarks about
            // once a minute, so with a short deadline the ends of watches are what tells
            // that it lives.
            watch_seconds: (deadline / 3).as_secs().clamp(1, 290) as u32,
            silence: deadline / 2,
            answer: (deadline / 5).min(Duration::from_mins(1)),
        }
    }
}

pub(super) struct Stream<K> {
    pub(super) kind: &'static str,
    pub(super) api: Api<Guarded<K>>,
    pub(super) labels: Option<String>,
    pub(super) patience: Patience,
    /// Takes away what nobody reads, before it is kept.
    pub(super) trim: fn(&mut K),
    pub(super) store: Arc<Store<K>>,
    pub(super) pulse: Pulse,
    pub(super) changed: Arc<Notify>,
}

/// Why a watch does not go on.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("the server did not answer within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("the server was silent for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("the server ended the watch: {0}")]
    Ended(String),
}

impl<K> Stream<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// Goes on for ever.
    pub(super) async fn run(self) {
        let mut delay = SHORTEST_DELAY;
        loop {
            let started = Instant::now();
            let Err(broken) = self.list_and_watch().await;
            // What has worked for a while starts anew at once, but not in a loop.
            if started.elapsed() > LONGEST_DELAY {
                delay = SHORTEST_DELAY;
            }
            warn!(kind = self.kind, error = %broken, ?delay, "a watch broke off");
            sleep(delay).await;
            delay = (delay * 2).min(LONGEST_DELAY);
        }
    }

    async fn list_and_watch(&self) -> Result<std::convert::Infallible, Broken> {
        let mut version = self.list().await?;
        loop {
            let opened = Instant::now();
            version = self.watch(version).await?;
            if opened.elapsed() < SHORTEST_DELAY {
                return Err(Broken::Ended("as soon as it was open".to_owned()));
            }
        }
    }

    /// Replaces what is kept; returns from which version to watch.
    async fn list(&self) -> Result<String, Broken> {
        let mut parameters = ListParams::default().limit(PAGE);
        parameters.label_selector.clone_from(&self.labels);
        let (mut objects, mut unreadable) = (HashMap::new(), HashMap::new());
        loop {
            let page = self.answer(self.api.list(&parameters)).await?;
            self.pulse.beat();
            for object in page.items {
                match self.keep(object) {
                    (key, Ok(object)) => drop(objects.insert(key, object)),
                    (key, Err(object)) => drop(unreadable.insert(key, object)),
                }
            }
            parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
            if parameters.continue_token.is_none() {
                debug!(kind = self.kind, objects = objects.len(), "listed");
                self.store.replace(objects, unreadable);
                self.changed.notify_one();
                return Ok(page.metadata.resource_version.unwrap_or_default());
            }
        }
    }

    /// Until the server ends it in good order; returns from where to go on.
    async fn watch(&self, mut version: String) -> Result<String, Broken> {
        let Patience { watch_seconds, silence, .. } = self.patience;
        let mut parameters = WatchParams::default().timeout(watch_seconds);
        parameters.label_selector.clone_from(&self.labels);
        let mut events = pin!(self.answer(self.api.watch(&parameters, &version)).await?);
        self.pulse.beat();
        loop {
            let event = match timeout(silence, events.next()).await {
                Err(_) => return Err(Broken::Silent(silence)),
                Ok(None) => return Ok(version),
                Ok(Some(event)) => event?,
            };
            self.pulse.beat();
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                    follow(&mut version, &object);
                    match self.keep(object) {
                        (key, Ok(object)) => self.store.put(key, object),
                        (key, Err(object)) => self.store.put_unreadable(key, object),
                    }
                    self.changed.notify_one();
                }
                WatchEvent::Deleted(object) => {
                    follow(&mut version, &object);
                    let (key, object) = self.keep(object);
                    self.store.remove(&key, object.ok());
                    self.changed.notify_one();
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                // 410: the version is too old to go on from; list anew.
                WatchEvent::Error(status) => return Err(Broken::Ended(status.message)),
            }
        }
    }

    async fn answer<T>(
        &self,
        asked: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Broken> {
        let patience = self.patience.answer;
        let answer = timeout(patience, asked).await.map_err(|_| Broken::NoAnswer(patience))?;
        answer.map_err(Broken::from)
    }

    /// What is kept of an object, or that it cannot be read.
    fn keep(&self, object: Guarded<K>) -> (Key, Result<Arc<K>, Arc<Unreadable>>) {
        let meta = object.meta();
        let key = (meta.namespace.clone(), meta.name.clone().unwrap_or_default());
        let (kind, name) = (self.kind, &key.1);
        let mut object = match object {
            Guarded::Whole(object) => object,
            Guarded::WithoutStatus(object, why) => {
                warn!(kind, name, why, "a status cannot be read; it is written anew");
                object
            }
            Guarded::Unreadable(object) => {
                warn!(kind, name, why = object.why, "an object cannot be read; it is left alone");
                return (key, Err(Arc::from(object)));
            }
        };
        (self.trim)(&mut object);
        (key, Ok(Arc::new(object)))
    }
}

fn follow(version: &mut String, object: &impl Resource) {
    if let Some(newer) = &object.meta().resource_version {
        version.clone_from(newer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_connection_is_found_out_in_time_for_another_try() {
        for seconds in [15, 30, 300, 3600] {
            let deadline = Duration::from_secs(seconds);
            let Patience { watch_seconds, silence, answer } = Patience::within(deadline);
            // One that is quiet and well is never taken for dead.
            assert!(Duration::from_secs(watch_seconds.into()) < silence);
            assert!(silence + SHORTEST_DELAY + answer < deadline);
        }
        // With bookmarks once a minute.
        assert!(Patience::within(Duration::from_mins(5)).silence > Duration::from_mins(2));
    }
}
