//! TokenReviews, and what of them is remembered.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

use crate::{Bearer, Error, Refusal, Settings, client};

/// How long an answer is good. A token dies with its pod, and a pod's streams too.
const KEPT: Duration = Duration::from_mins(5);
/// Forgotten ones are looked for when there are more.
const MANY: usize = 256;
/// A review that takes longer is given up.
const WITHIN: Duration = Duration::from_secs(10);
/// Reviews at the same time: what anybody sends must not become a flood there.
const AT_ONCE: usize = 8;
/// A projected token has about 1,200 bytes.
const LONGEST_TOKEN: usize = 16 << 10;

/// Says whose a token is.
pub struct Reviewer {
    reviews: Api<TokenReview>,
    settings: Settings,
    asking: Semaphore,
    /// By token: those that were taken, and those that are being asked for.
    known: Mutex<HashMap<String, Arc<Entry>>>,
}

struct Entry {
    since: Instant,
    /// Whoever comes with the same token meanwhile waits for the same answer.
    bearer: OnceCell<Bearer>,
}

impl Reviewer {
    /// Asks the API server of `KUBECONFIG` or of the pod that this process runs in, and
    /// not yet.
    ///
    /// Must be called inside a tokio runtime.
    pub async fn of_this_process(settings: Settings) -> Result<Self, Error> {
        Ok(Self::new(client().await?, settings))
    }

    pub(crate) fn new(client: Client, settings: Settings) -> Self {
        let (asking, known) = (Semaphore::new(AT_ONCE), Mutex::default());
        Self { reviews: Api::all(client), settings, asking, known }
    }

    /// Whose token it is. Asks the API server at most once in five minutes.
    pub async fn review(&self, token: &str) -> Result<Bearer, Refusal> {
        // Three parts with points between (RFC 7519): nothing else is worth asking.
        if token.len() > LONGEST_TOKEN || token.split('.').count() != 3 {
            let (audience, reason) = (self.settings.audience.clone(), "it is no JWT".to_owned());
            return Err(Refusal::Unknown { audience, reason });
        }
        let entry = self.entry(token);
        let bearer = entry.bearer.get_or_try_init(|| self.ask(token)).await;
        if bearer.is_err() {
            // Nothing is remembered of what anybody may make up.
            self.forget(token, &entry);
        }
        bearer.cloned()
    }

    async fn ask(&self, token: &str) -> Result<Bearer, Refusal> {
        let unavailable = |reason: String| Refusal::Unavailable { reason };
        let asked = async {
            let _permit = self.asking.acquire().await;
            let review = TokenReview {
                spec: TokenReviewSpec {
                    audiences: Some(vec![self.settings.audience.clone()]),
                    token: Some(token.to_owned()),
                },
                ..TokenReview::default()
            };
            self.reviews.create(&PostParams::default(), &review).await
        };
        let review = timeout(WITHIN, asked)
            .await
            .map_err(|_| unavailable(format!("no answer within {} s", WITHIN.as_secs())))?
            .map_err(|error| unavailable(error.to_string()))?;
        Bearer::read(review.status, &self.settings)
    }

    fn entry(&self, token: &str) -> Arc<Entry> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, entry| entry.since.elapsed() < KEPT);
        }
        let fresh = known.get(token).filter(|entry| entry.since.elapsed() < KEPT).cloned();
        fresh.unwrap_or_else(|| {
            let entry = Arc::new(Entry { since: Instant::now(), bearer: OnceCell::new() });
            known.insert(token.to_owned(), Arc::clone(&entry));
            entry
        })
    }

    fn forget(&self, token: &str, entry: &Arc<Entry>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(token).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            known.remove(token);
        }
    }
}

impl fmt::Debug for Reviewer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens must not reach a log.
        formatter.debug_struct("Reviewer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::bearer::tests::{settings, status};

    /// An API server that knows the token `a.good.one`, and how often it was asked.
    fn reviewer() -> (Arc<Reviewer>, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::Relaxed);
                assert_eq!(request.uri().path(), "/apis/authentication.k8s.io/v1/tokenreviews");
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let mut review: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(review["spec"]["audiences"], json!(["trigpoint-collector"]));
                let is_good = review["spec"]["token"] == "a.good.one";
                review["status"] = if is_good { status() } else { json!({"error": "unknown"}) };
                let body = Body::from(review.to_string().into_bytes());
                Ok::<_, Infallible>(Response::builder().status(201).body(body).unwrap())
            }
        });
        let client = Client::new(service, "default");
        (Arc::new(Reviewer::new(client, settings())), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_reviewed_once_in_five_minutes_however_many_bring_it() {
        let (reviewer, asked) = reviewer();
        let all = (0..10).map(|_| {
            let reviewer = Arc::clone(&reviewer);
            tokio::spawn(async move { reviewer.review("a.good.one").await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap().unwrap().pod, "station-x7k2p");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        tokio::time::advance(KEPT).await;
        reviewer.review("a.good.one").await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_anybody_may_make_up_is_not_remembered() {
        let (reviewer, asked) = reviewer();
        for token in ["", "opaque", "two.parts", "a.b.c.d", &"x".repeat(LONGEST_TOKEN + 1)] {
            assert!(reviewer.review(token).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0, "none is worth asking");
        for n in 0..100 {
            let refused = reviewer.review(&format!("made.up.{n}")).await;
            assert!(matches!(refused, Err(Refusal::Unknown { .. })), "{refused:?}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 100);
        assert!(reviewer.known.lock().unwrap().is_empty());
    }
}
