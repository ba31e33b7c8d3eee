//! The collector as a whole: what all streams share, and its end.

use std::{fmt, sync::Arc, time::Duration};

use prometheus::Registry;
use tokio::{
    sync::{Mutex, Semaphore, mpsc, watch},
    task::JoinHandle,
};
use tonic::transport::Server;
use trigpoint_lake::Lake;
use trigpoint_wire::ingest::ingest_server::IngestServer;

use crate::{
    Authenticator, Service, Settings,
    annotation::Annotator,
    committer::{Committer, Message},
    maintenance::Maintainer,
    memory::Account,
    metrics::Metrics,
    stream::Streams,
};

/// A collector of one lake.  [`Collector::stop`] it before the runtime ends:
/// what waits for a commit would have to be sent again.
pub struct Collector {
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    /// The last sender but those of live streams: the committer ends with them.
    submissions: Mutex<Option<mpsc::UnboundedSender<Message>>>,
    committer: Mutex<Option<JoinHandle<()>>>,
    weak: mpsc::WeakUnboundedSender<Message>,
}

/// What every stream needs.
pub(crate) struct Shared {
    pub(crate) lake: Lake,
    pub(crate) settings: Settings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) streams: Streams,
    /// All rows that wait for their commit.
    pub(crate) memory: Arc<Account>,
    /// As many batches are decoded at a time, and so above the memory limit.
    pub(crate) decoders: Arc<Semaphore>,
    pub(crate) annotator: Arc<Annotator>,
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Collector {
    /// Starts the task that commits; its metrics go to `registry`, once.
    ///
    /// Must be called inside a tokio runtime.
    pub fn start(
        lake: Lake,
        settings: Settings,
        registry: &Registry,
    ) -> Result<Self, prometheus::Error> {
        let metrics = Arc::new(Metrics::register(registry)?);
        let memory = Account::new(settings.memory_bytes);
        let stopping = watch::Sender::new(false);
        let (submissions, messages) = mpsc::unbounded_channel();
        let (told_of_files, new_files) = mpsc::unbounded_channel();
        let committer = Committer::new(
            lake.clone(),
            settings.clone(),
            Arc::clone(&metrics),
            Arc::clone(&memory),
            told_of_files,
            stopping.subscribe(),
        );
        let committer = tokio::spawn(committer.run(messages));
        if let Some(maintenance) = settings.maintenance.clone() {
            let maintainer = Maintainer::new(lake.clone(), maintenance, Arc::clone(&metrics));
            tokio::spawn(maintainer.run(new_files, stopping.subscribe()));
        }
        let annotator = Annotator::start(&settings.annotation, &metrics, stopping.subscribe());
        let processors = std::thread::available_parallelism().map_or(1, Into::into);
        let shared = Shared {
            lake,
            metrics,
            streams: Streams::new(settings.streams),
            memory,
            decoders: Arc::new(Semaphore::new(processors)),
            annotator: Arc::new(annotator),
            stopping: stopping.subscribe(),
            settings,
        };
        Ok(Self {
            shared: Arc::new(shared),
            stopping,
            weak: submissions.downgrade(),
            submissions: Mutex::new(Some(submissions)),
            committer: Mutex::new(Some(committer)),
        })
    }

    /// The gRPC service, for [`transport`] and any kind of connection.
    pub fn service(&self, authenticator: Authenticator) -> IngestServer<Service> {
        let service = Service::new(Arc::clone(&self.shared), self.weak.clone(), authenticator);
        IngestServer::new(service)
            .max_decoding_message_size(self.shared.settings.limits.grpc_message_bytes())
    }

    /// Takes no more batches, commits what is here, acknowledges it, and ends
    /// every stream with the request to come again.  Later calls return at once.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        self.submissions.lock().await.take();
        if let Some(committer) = self.committer.lock().await.take()
            && let Err(error) = committer.await
        {
            tracing::error!(%error, "the committer ended early: batches will come again");
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collector").field("lake", &self.shared.lake).finish_non_exhaustive()
    }
}

/// A gRPC server with the windows and deadlines that ingest wants: vanished
/// stations are noticed, and one connection cannot buffer much.
pub fn transport() -> Server {
    const STREAM_WINDOW_BYTES: u32 = 4 << 20;
    const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
    const STREAMS_PER_CONNECTION: u32 = 16;
    const KEEPALIVE: Duration = Duration::from_secs(20);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .tcp_nodelay(true)
}
