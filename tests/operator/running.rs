//! The operator within the test: the very library that `trigpoint operator` runs, on
//! a runtime of its own that can be ended as a kill ends a process, and behind a door
//! at which its requests to the API server are seen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use prometheus::Registry;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use trigpoint_operator::fleet::{self, Snapshot, Word};
use trigpoint_operator::{Certificates, Error, Gates, Operator, Settings, StationDefaults};
use trigpoint_process::Shutdown;

use crate::cluster::{Cluster, NAMESPACE};

/// Far above what a loaded machine needs.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// What becomes of a request that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The operator is ended before it is sent.
    KilledBefore,
    /// It is carried out, and the operator is ended before it hears of it.
    KilledAfter,
}

/// The door to the API server.
#[derive(Debug, Default)]
pub(crate) struct Door {
    /// Requests so far that change something; the Lease and Events are not counted.
    changes: AtomicUsize,
    /// The one that is the last, and how.
    last: Option<(usize, Fate)>,
    is_killed: watch::Sender<bool>,
    /// The change, by its beginning, from which on requests are under way and do not
    /// arrive until it goes on.
    stops_at: Mutex<Option<&'static str>>,
    is_stopped: watch::Sender<bool>,
    /// Method, path and answer of each change.
    seen: Mutex<Vec<String>>,
    /// When each write was sent, Events included.
    writes: Mutex<Vec<Instant>>,
    /// Watches that were opened before this was last counted up say nothing any more,
    /// as on a connection that a router forgot.
    hushed: watch::Sender<usize>,
    /// Nothing that is read is answered; the Lease is.
    is_deaf: watch::Sender<bool>,
    /// Connections are refused, and those that were open break.
    is_away: watch::Sender<bool>,
}

/// As the operator gets it.
type Heard = UnsyncBoxBody<Bytes, BoxError>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Door {
    pub(crate) fn killing(at: usize, fate: Fate) -> Arc<Self> {
        Arc::new(Self { last: Some((at, fate)), ..Self::default() })
    }

    pub(crate) fn open() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn changes(&self) -> usize {
        self.changes.load(Ordering::SeqCst)
    }

    pub(crate) fn is_killed(&self) -> bool {
        *self.is_killed.borrow()
    }

    pub(crate) fn stop_at(&self, what: &'static str) {
        *self.stops_at.lock().unwrap() = Some(what);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.is_stopped.borrow()
    }

    pub(crate) fn go_on(&self) {
        *self.stops_at.lock().unwrap() = None;
        self.is_stopped.send_replace(false);
    }

    /// Kills the connections of all watches that are open, and tells nobody.
    pub(crate) fn hush_watches(&self) {
        self.hushed.send_modify(|hushed| *hushed += 1);
    }

    pub(crate) fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.send_replace(is_deaf);
    }

    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.send_replace(is_away);
    }

    /// When each write was sent, Events included and the Lease not.
    pub(crate) fn writes(&self) -> Vec<Instant> {
        self.writes.lock().unwrap().clone()
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    async fn pass(
        self: Arc<Self>,
        client: Client,
        request: http::Request<Body>,
    ) -> Result<http::Response<Heard>, BoxError> {
        if *self.is_away.borrow() {
            return Err(gone());
        }
        let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
        let is_of_lease = request.uri().path().contains("/leases");
        if request.method() == http::Method::GET && !is_of_lease {
            let mut is_deaf = self.is_deaf.subscribe();
            is_deaf.wait_for(|is_deaf| !is_deaf).await.unwrap();
        }
        let opened = *self.hushed.borrow();
        let answer = self.forward(client, request).await?;
        Ok(answer.map(|body| {
            if is_watch {
                self.overheard(opened, body)
            } else {
                body.map_err(BoxError::from).boxed_unsync()
            }
        }))
    }

    /// What a watch says, as long as its connection holds.
    fn overheard(&self, opened: usize, body: Body) -> Heard {
        let state = (body, self.hushed.subscribe(), self.is_away.subscribe());
        let frames = futures::stream::unfold(Some(state), move |state| async move {
            let (mut body, mut hushed, mut is_away) = state?;
            let frame = tokio::select! {
                biased;
                () = reaches(&mut hushed, |hushed| *hushed != opened) => {
                    std::future::pending().await
                }
                () = reaches(&mut is_away, |is_away| *is_away) => {
                    return Some((Err(gone()), None));
                }
                frame = body.frame() => frame?.map_err(BoxError::from),
            };
            Some((frame, Some((body, hushed, is_away))))
        });
        StreamBody::new(frames).boxed_unsync()
    }

    async fn forward(
        self: &Arc<Self>,
        client: Client,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, kube::Error> {
        let what = format!("{} {}", request.method(), request.uri().path());
        let is_write = request.method() != http::Method::GET
            && !request.uri().query().is_some_and(|query| query.contains("dryRun"))
            && !what.contains("/leases");
        if is_write {
            self.writes.lock().unwrap().push(Instant::now());
        }
        if !is_write || what.contains("/events") {
            self.until_it_goes_on().await;
            return client.send(request).await;
        }
        let number = self.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let fate = self.last.filter(|(last, _)| number >= *last).map(|(_, fate)| fate);
        if fate == Some(Fate::KilledBefore) {
            return self.killed().await;
        }
        if self.stops_at.lock().unwrap().is_some_and(|start| what.starts_with(start)) {
            self.is_stopped.send_replace(true);
        }
        // What is on its way arrives, also when nobody waits for the answer any more.
        let door = Arc::clone(self);
        let sent = tokio::spawn(async move {
            door.until_it_goes_on().await;
            let answer = client.send(request).await;
            let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            door.seen.lock().unwrap().push(format!("{what} {code}"));
            answer
        });
        let answer = sent.await.unwrap();
        if fate == Some(Fate::KilledAfter) {
            return self.killed().await;
        }
        answer
    }

    async fn until_it_goes_on(&self) {
        self.is_stopped.subscribe().wait_for(|stopped| !stopped).await.unwrap();
    }

    /// Whoever is killed hears nothing more.
    async fn killed<T>(&self) -> T {
        self.is_killed.send_replace(true);
        std::future::pending().await
    }
}

async fn reaches<T>(value: &mut watch::Receiver<T>, is_so: impl FnMut(&T) -> bool) {
    // Without a sender it never does.
    if value.wait_for(is_so).await.map(drop).is_err() {
        std::future::pending::<()>().await;
    }
}

fn gone() -> BoxError {
    std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()
}

pub(crate) struct Running {
    runtime: Runtime,
    client: Client,
    door: Arc<Door>,
    registry: Registry,
    shutdown: Shutdown,
    liveness: Box<dyn Fn() -> Result<(), String>>,
    ended: JoinHandle<Result<(), Error>>,
}

impl Running {
    #[track_caller]
    pub(crate) fn start(cluster: &Cluster, identity: &str) -> Self {
        Self::behind(cluster, identity, Door::open(), None)
    }

    #[track_caller]
    pub(crate) fn behind(
        cluster: &Cluster,
        identity: &str,
        door: Arc<Door>,
        gates: Option<Arc<dyn Gates>>,
    ) -> Self {
        Self::with(cluster, settings(identity), door, gates).unwrap()
    }

    pub(crate) fn with(
        cluster: &Cluster,
        settings: Settings,
        door: Arc<Door>,
        gates: Option<Arc<dyn Gates>>,
    ) -> Result<Self, Error> {
        // A second one of this process finds it installed.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = Runtime::new().unwrap();
        let client = runtime.block_on(connect(cluster));
        let watched = {
            let (client, door) = (client.clone(), Arc::clone(&door));
            let service = tower::service_fn(move |request| {
                let (client, door) = (client.clone(), Arc::clone(&door));
                door.pass(client, request)
            });
            let _context = runtime.enter();
            Client::new(service, NAMESPACE)
        };
        let registry = Registry::new();
        let operator = runtime.block_on(Operator::new(watched, settings, gates, &registry))?;
        let shutdown = Shutdown::new();
        let liveness = Box::new(operator.liveness());
        let ended = runtime.spawn(operator.run(shutdown.clone()));
        Ok(Self { runtime, client, door, registry, shutdown, liveness, ended })
    }

    /// As a process is killed: whatever was under way is not heard of.
    pub(crate) fn kill(self) {
        self.runtime.shutdown_background();
    }

    #[track_caller]
    pub(crate) fn stop(self) {
        self.shutdown.begin();
        self.ended().unwrap();
    }

    /// How it ends, or ended, by itself.
    #[track_caller]
    pub(crate) fn ended(self) -> Result<(), Error> {
        let ended = async { tokio::time::timeout(DEADLINE, self.ended).await };
        self.runtime.block_on(ended).unwrap().unwrap()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_finished()
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }

    pub(crate) fn is_alive(&self) -> Result<(), String> {
        (self.liveness)()
    }

    /// The sum of a metric over its labels.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        family
            .flat_map(prometheus::proto::MetricFamily::get_metric)
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum::<f64>() as u64
    }

    /// What `trigpoint fleet status` says.
    #[track_caller]
    pub(crate) fn fleet_status(&self) -> String {
        fleet::status(&self.snapshot())
    }

    /// What `trigpoint fleet` does with a word.
    #[track_caller]
    pub(crate) fn say(&self, word: &Word) {
        let snapshot = self.snapshot();
        self.runtime.block_on(fleet::say(&self.client, &snapshot, word)).unwrap();
    }

    fn snapshot(&self) -> Snapshot {
        let fetching = Snapshot::fetch(&self.client, NAMESPACE, "stations");
        self.runtime.block_on(fetching).unwrap().unwrap()
    }
}

async fn connect(cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::read_from(cluster.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

pub(crate) fn settings(identity: &str) -> Settings {
    Settings {
        namespaces: vec![NAMESPACE.to_owned()],
        lease_namespace: NAMESPACE.to_owned(),
        lease_name: "trigpoint-operator".to_owned(),
        identity: identity.to_owned(),
        collector: None,
        station: StationDefaults::default(),
        certificates: None,
        // What is bounded here is not how fast a test goes.
        writes_per_second: 100.0,
        stream_deadline: Duration::from_mins(5),
    }
}

pub(crate) fn certificates() -> Certificates {
    Certificates {
        namespace: NAMESPACE.to_owned(),
        authority: "trigpoint-authority".to_owned(),
        bundle: "trigpoint-ca".to_owned(),
        servers: vec![trigpoint_operator::Server {
            secret: "trigpoint-tls".to_owned(),
            names: vec!["collector.trigpoint.svc".to_owned()],
        }],
    }
}
