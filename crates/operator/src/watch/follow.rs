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
/// How long the server keeps a watch open; it says 290 s is the most that is safe.
const WATCH_SECONDS: u32 = 290;
/// A server sends a bookmark about once a minute; who is silent for longer than
/// two is not there any more, whatever TCP says.
const SILENCE: Duration = Duration::from_secs(150);
/// A page of a list, or the start of a watch.
const ANSWER: Duration = Duration::from_mins(1);
const SHORTEST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

pub(super) struct Stream<K> {
    pub(super) kind: &'static str,
    pub(super) api: Api<Guarded<K>>,
    pub(super) labels: Option<String>,
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
    #[error("the server did not answer within {} s", ANSWER.as_secs())]
    NoAnswer,
    #[error("the server was silent for {} s", SILENCE.as_secs())]
    Silent,
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
            let page = timeout(ANSWER, self.api.list(&parameters))
                .await
                .map_err(|_| Broken::NoAnswer)??;
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
        let mut parameters = WatchParams::default().timeout(WATCH_SECONDS);
        parameters.label_selector.clone_from(&self.labels);
        let opened = timeout(ANSWER, self.api.watch(&parameters, &version));
        let mut events = pin!(opened.await.map_err(|_| Broken::NoAnswer)??);
        self.pulse.beat();
        loop {
            let event = match timeout(SILENCE, events.next()).await {
                Err(_) => return Err(Broken::Silent),
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
                return (key, Err(Arc::new(object)));
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
