//! A collector whose every word a test speaks.

use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status as RpcStatus, Streaming,
    transport::{Identity, ServerTlsConfig},
};
use trigpoint_wire::ingest::{
    Ack, CollectorMessage, Hello, Reject, Retry, RetryReason, StationMessage, Welcome,
    collector_message,
    ingest_server::{Ingest, IngestServer},
    station_message,
};

use super::*;

/// Waits for something that must happen, and fails if it does not.
pub(super) async fn eventually<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.expect("it should have happened by now")
}

pub(super) struct Collector {
    streams: mpsc::UnboundedReceiver<Accepted>,
    pub(super) server: JoinHandle<()>,
}

/// One stream, seen from the collector.
pub(super) struct Accepted {
    pub(super) authorization: Option<String>,
    inbound: Streaming<StationMessage>,
    outbound: mpsc::Sender<Result<CollectorMessage, RpcStatus>>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Received {
    Batch(u64, Vec<u8>),
    Gap(u64, u64, String),
}

struct Service {
    streams: mpsc::UnboundedSender<Accepted>,
}

impl Collector {
    pub(super) fn in_process() -> (Self, Endpoint) {
        let (pipe, incoming) = pipe();
        let (service, streams) = service();
        let served = Server::builder().add_service(service).serve_with_incoming(incoming);
        let server = tokio::spawn(async { served.await.unwrap() });
        (Self { streams, server }, Endpoint::Pipe(pipe))
    }

    /// A collector on a port, with TLS if it has a certificate and key.
    pub(super) fn on(listener: tokio::net::TcpListener, tls: Option<(&str, &str)>) -> Self {
        let (service, streams) = service();
        let mut builder = Server::builder();
        if let Some((certificate, key)) = tls {
            let identity = Identity::from_pem(certificate, key);
            builder = builder.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        let served =
            builder.add_service(service).serve_with_incoming(TcpListenerStream::new(listener));
        Self { streams, server: tokio::spawn(async { served.await.unwrap() }) }
    }

    /// Whether a stream was opened; the server must have ended.
    pub(super) async fn was_reached(&mut self) -> bool {
        eventually(self.streams.recv()).await.is_some()
    }

    pub(super) async fn accept(&mut self) -> Accepted {
        eventually(self.streams.recv()).await.unwrap()
    }
}

fn service() -> (IngestServer<Service>, mpsc::UnboundedReceiver<Accepted>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (IngestServer::new(Service { streams: sender }), receiver)
}

#[tonic::async_trait]
impl Ingest for Service {
    type StreamStream = ReceiverStream<Result<CollectorMessage, RpcStatus>>;

    async fn stream(
        &self,
        request: Request<Streaming<StationMessage>>,
    ) -> Result<Response<Self::StreamStream>, RpcStatus> {
        let authorization = request.metadata().get("authorization");
        let authorization = authorization.map(|value| value.to_str().unwrap().to_owned());
        let (outbound, messages) = mpsc::channel(16);
        let accepted = Accepted { authorization, inbound: request.into_inner(), outbound };
        let _ = self.streams.send(accepted);
        Ok(Response::new(ReceiverStream::new(messages)))
    }
}

impl Accepted {
    pub(super) async fn hello(&mut self) -> Hello {
        match self.message().await {
            station_message::Message::Hello(hello) => hello,
            other => panic!("{other:?} instead of a Hello"),
        }
    }

    /// Hears the Hello and answers that nothing is committed.
    pub(super) async fn welcomed(&mut self) {
        self.hello().await;
        self.welcome(&[]).await;
    }

    pub(super) async fn next(&mut self) -> Received {
        match self.message().await {
            station_message::Message::Batch(batch) => {
                Received::Batch(batch.seq, batch.payload.to_vec())
            }
            station_message::Message::Gap(gap) => {
                Received::Gap(gap.first_seq, gap.last_seq, gap.reason)
            }
            station_message::Message::Hello(_) => panic!("a second Hello"),
        }
    }

    pub(super) async fn batch(&mut self, expected: u64) {
        match self.next().await {
            Received::Batch(seq, _) => assert_eq!(seq, expected),
            gap @ Received::Gap(..) => panic!("{gap:?} instead of batch {expected}"),
        }
    }

    /// Whether nothing has arrived that was not read.
    pub(super) fn is_silent(&mut self) -> bool {
        futures::FutureExt::now_or_never(self.inbound.message()).is_none()
    }

    /// Waits until the station has ended its side of the stream.
    pub(super) async fn finished(&mut self) {
        let message = eventually(self.inbound.message()).await.unwrap();
        assert!(message.is_none(), "{message:?} instead of the end of the station's side");
    }

    async fn message(&mut self) -> station_message::Message {
        eventually(self.inbound.message()).await.unwrap().unwrap().message.unwrap()
    }

    pub(super) async fn welcome(&self, committed: &[(&str, u64)]) {
        let committed = committed.iter().map(|(table, seq)| ((*table).to_owned(), *seq)).collect();
        self.say(collector_message::Message::Welcome(Welcome { committed })).await;
    }

    pub(super) async fn ack(&self, seq: u64) {
        self.say(collector_message::Message::Ack(Ack { seq })).await;
    }

    pub(super) async fn reject(&self, seq: u64) {
        let (code, detail) = ("decode".to_owned(), "no rows in it".to_owned());
        self.say(collector_message::Message::Reject(Reject { seq, code, detail })).await;
    }

    pub(super) async fn retry(&self, after: Duration, reason: RetryReason) {
        let retry = Retry {
            after_ms: after.as_millis() as u64,
            reason: reason.into(),
            detail: "the disk is full".to_owned(),
        };
        self.say(collector_message::Message::Retry(retry)).await;
    }

    async fn say(&self, message: collector_message::Message) {
        self.outbound.send(Ok(CollectorMessage { message: Some(message) })).await.unwrap();
    }
}
