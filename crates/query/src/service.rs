//! The query service as a whole: what all calls share, and its end.

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use futures::Stream;
use prometheus::Registry;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tonic::Status;
use tonic::transport::Server;
use trigpoint_lake::{Lake, QueryError, Relation, Session};
use trigpoint_wire::gate::gate_server::{Gate, GateServer};

use crate::admission::{Admission, AdmissionSettings};
use crate::connections::{self, Connection};
use crate::door::Door;
use crate::gate::Gates;
use crate::metrics::{self, Metrics};
use crate::plans::Plans;
use crate::running::Running;
use crate::workers::Workers;
use crate::{Authenticator, Settings, status};

mod flight;

/// A Flight SQL service of one lake.
pub struct QueryService {
    shared: Arc<Shared>,
}

/// What every call needs.
pub(crate) struct Shared {
    pub(crate) session: Session,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) plans: Plans,
    /// Queries that run.
    pub(crate) queries: Admission,
    /// Statements that are planned, which is over in milliseconds.
    pub(crate) planning: Admission,
    pub(crate) running: Arc<Running>,
    pub(crate) workers: Workers,
    relations: OnceCell<Vec<Relation>>,
}

/// A query service that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The directory for large queries cannot be used.
    #[error(transparent)]
    Session(#[from] QueryError),
    /// No threads.
    #[error("cannot start the threads for queries: {0}")]
    Workers(std::io::Error),
    /// A metric has a name that is taken.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

impl QueryService {
    /// Starts the threads; its metrics go to `registry`, once.
    pub fn start(lake: &Lake, settings: Settings, registry: &Registry) -> Result<Self, StartError> {
        let Settings { queries: slots, waiting, wait_at_most, .. } = settings;
        let processors = std::thread::available_parallelism().map_or(1, Into::into);
        let planning = AdmissionSettings { slots: 2 * processors, waiting: 1024, wait_at_most };
        let shared = Arc::new(Shared {
            session: lake.session_within(&settings.limits)?,
            metrics: Metrics::register(registry)?,
            plans: Plans::new(settings.limits.snapshot_age),
            queries: Admission::new(AdmissionSettings { slots, waiting, wait_at_most }),
            planning: Admission::new(planning),
            running: Arc::default(),
            workers: Workers::start().map_err(StartError::Workers)?,
            relations: OnceCell::new(),
            settings,
        });
        shared.register_gauges(registry)?;
        Ok(Self { shared })
    }

    /// The service of Flight SQL, for [`transport`].
    pub fn service(
        &self,
        authenticator: Authenticator,
    ) -> Door<FlightServiceServer<impl FlightService + use<>>> {
        /// A statement, or a row of parameters, with room to spare.
        const MESSAGE_BYTES: usize = 1 << 20;
        let flight = flight::Flight { shared: Arc::clone(&self.shared) };
        let server = FlightServiceServer::new(flight).max_decoding_message_size(MESSAGE_BYTES);
        Door::new(server, authenticator, Arc::clone(&self.shared))
    }

    /// The service of gate figures, for the same; its queries have the bounds that all
    /// have together.
    pub fn gates(&self, authenticator: Authenticator) -> Door<GateServer<impl Gate + use<>>> {
        /// A thousand names, with room to spare.
        const MESSAGE_BYTES: usize = 512 << 10;
        let gates = Gates { shared: Arc::clone(&self.shared) };
        let server = GateServer::new(gates).max_decoding_message_size(MESSAGE_BYTES);
        Door::new(server, authenticator, Arc::clone(&self.shared))
    }

    /// The connections that a listener brings, within their bounds.
    pub fn connections<I: Stream<Item = io::Result<TcpStream>>>(
        &self,
        incoming: I,
    ) -> impl Stream<Item = io::Result<Connection>> + use<I> {
        let Settings { connections, silent_at_most, .. } = self.shared.settings;
        let refused = self.shared.metrics.connections_refused.clone();
        connections::bounded(incoming, connections, silent_at_most, refused)
    }

    /// Takes no more queries, and waits until those that run have ended.
    pub async fn stop(&self) {
        self.shared.queries.close();
        self.shared.planning.close();
        self.shared.queries.empty().await;
        let shared = Arc::clone(&self.shared);
        // A plan is dropped by recursion, for which only workers have the stack.
        if self.shared.workers.spawn(async move { shared.plans.clear() }).await.is_err() {
            tracing::error!("the plans of the last queries could not be dropped");
        }
    }
}

impl Shared {
    /// Every table and view, planned once: they are as old as the program.
    pub(crate) async fn relations(&self) -> Result<&[Relation], Status> {
        let relations = self.relations.get_or_try_init(|| self.session.relations()).await;
        relations.map(Vec::as_slice).map_err(|error| status::of(&error))
    }

    fn register_gauges(self: &Arc<Self>, registry: &Registry) -> Result<(), prometheus::Error> {
        let gauge = |name, help, value: fn(&Self) -> f64| {
            // The registry may outlive the service.
            let shared = Arc::downgrade(self);
            let value = move || shared.upgrade().map_or(0.0, |shared| value(&shared));
            metrics::gauge(registry, name, help, value)
        };
        gauge("trigpoint_query_running", "Queries that run.", |it| it.queries.running() as f64)?;
        gauge("trigpoint_query_waiting", "Queries that wait for others to end.", |it| {
            it.queries.waiting() as f64
        })?;
        gauge("trigpoint_query_memory_bytes", "Bytes of rows that queries keep.", |it| {
            it.session.memory_bytes() as f64
        })?;
        gauge("trigpoint_query_spilled_bytes", "Bytes that queries have on disk.", |it| {
            it.session.spilled_bytes() as f64
        })
    }
}

impl fmt::Debug for QueryService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("QueryService")
            .field("session", &self.shared.session)
            .finish_non_exhaustive()
    }
}

/// A gRPC server with the windows and deadlines that answers want: vanished
/// clients are noticed, and one connection cannot buffer much.
pub fn transport() -> Server {
    const STREAMS_PER_CONNECTION: u32 = 64;
    const KEEPALIVE: Duration = Duration::from_secs(20);
    // A client with nothing to ask connects again when it has, and does not notice.
    const AGE: Duration = Duration::from_mins(30);
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .max_connection_age(AGE)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .tcp_nodelay(true)
}
