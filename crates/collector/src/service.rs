//! The gRPC service: who opens a stream, and its start.

use std::{fmt, sync::Arc};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use trigpoint_wire::ingest::{CollectorMessage, StationMessage, ingest_server::Ingest};

use crate::{Authenticator, collector::Shared, committer::Message, session::Session};

/// Answers on their way to a station that does not read them.
const ANSWERS: usize = 16;

/// `trigpoint.ingest.v1.Ingest`, made by [`crate::Collector::service`].
pub struct Service {
    shared: Arc<Shared>,
    submissions: mpsc::WeakUnboundedSender<Message>,
    authenticator: Authenticator,
}

impl Service {
    pub(crate) fn new(
        shared: Arc<Shared>,
        submissions: mpsc::WeakUnboundedSender<Message>,
        authenticator: Authenticator,
    ) -> Self {
        Self { shared, submissions, authenticator }
    }
}

#[tonic::async_trait]
impl Ingest for Service {
    type StreamStream = ReceiverStream<Result<CollectorMessage, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<StationMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let peer = request.remote_addr();
        let principal =
            self.authenticator.authenticate(request.metadata()).await.inspect_err(|status| {
                tracing::warn!(?peer, reason = status.message(), "stream refused");
            })?;
        let submissions = self
            .submissions
            .upgrade()
            .ok_or_else(|| Status::unavailable("this collector is stopping"))?;
        let (answers, answered) = mpsc::channel(ANSWERS);
        let session = Session {
            shared: Arc::clone(&self.shared),
            principal,
            peer,
            submissions,
            inbound: request.into_inner(),
            answers,
        };
        tokio::spawn(session.run());
        Ok(Response::new(ReceiverStream::new(answered)))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Service")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}
