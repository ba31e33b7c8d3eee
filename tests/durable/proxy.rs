//! Between stations and collectors: the one address that stations know while
//! collectors come and go, and the place where an acknowledgement is held up.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustix::process::Pid;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use trigpoint_wire::ingest::{
    CollectorMessage, StationMessage, collector_message,
    ingest_client::IngestClient,
    ingest_server::{Ingest, IngestServer},
};

use super::child;

/// Messages in each direction that wait here.
const ROOM: usize = 16;

/// The proxy as the driver sees it.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) uri: String,
    state: Arc<Mutex<State>>,
    /// Changes when streams have to find their collector anew.
    moved: watch::Sender<()>,
    _runtime: Runtime,
}

#[derive(Debug, Default)]
struct State {
    /// Live collectors, by slot.
    collectors: Vec<Option<SocketAddr>>,
    /// Where each open stream goes.
    streams: Vec<SocketAddr>,
    /// Streams opened so far: of collectors with as many, they take turns.
    opened: usize,
    /// Acknowledgements that may still pass before this process is killed.
    trap: Option<(u32, SocketAddr, Pid)>,
}

impl Proxy {
    pub(crate) fn start(collectors: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let state = State { collectors: vec![None; collectors], ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let moved = watch::Sender::new(());
        let forwarder = Forwarder { state: Arc::clone(&state), moved: moved.subscribe() };
        let service = IngestServer::new(forwarder).max_decoding_message_size(usize::MAX);
        runtime.spawn(async move {
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(TcpIncoming::from(listener)).await
        });
        Self { uri, state, moved, _runtime: runtime }
    }

    /// Streams go to this collector from now on, or to none in its place.  A
    /// new one takes its share of those that are open: their stations come to
    /// it while the others still have batches of theirs.
    pub(crate) fn set(&self, slot: usize, collector: Option<SocketAddr>) {
        self.state.lock().unwrap().collectors[slot] = collector;
        if collector.is_some() {
            self.moved.send_replace(());
        }
    }

    /// Where each open stream goes.
    pub(crate) fn streams(&self) -> Vec<SocketAddr> {
        self.state.lock().unwrap().streams.clone()
    }

    /// Kills the collector when its acknowledgement after `passed` more comes.
    pub(crate) fn kill_before_ack(&self, passed: u32, collector: SocketAddr, pid: Pid) {
        self.state.lock().unwrap().trap = Some((passed, collector, pid));
    }
}

#[derive(Debug)]
struct Forwarder {
    state: Arc<Mutex<State>>,
    moved: watch::Receiver<()>,
}

/// An open stream, counted until it ends.
#[derive(Debug)]
struct Open {
    state: Arc<Mutex<State>>,
    collector: SocketAddr,
}

impl Open {
    /// Goes where the fewest go: a collector that lives is never left without a
    /// stream for long, whichever streams have failed before.
    fn next(state: &Arc<Mutex<State>>) -> Option<Self> {
        let mut locked = state.lock().unwrap();
        let mut live: Vec<_> = locked.collectors.iter().copied().flatten().collect();
        locked.opened += 1;
        let first = locked.opened % live.len().max(1);
        live.rotate_left(first);
        let streams = |to: &SocketAddr| locked.streams.iter().filter(|open| *open == to).count();
        let collector = live.into_iter().min_by_key(streams)?;
        locked.streams.push(collector);
        Some(Self { state: Arc::clone(state), collector })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut locked = self.state.lock().unwrap();
        if let Some(at) = locked.streams.iter().position(|open| *open == self.collector) {
            locked.streams.swap_remove(at);
        }
    }
}

impl State {
    /// Whether this acknowledgement of the collector may pass.
    fn passes(&mut self, from: SocketAddr) -> bool {
        match &mut self.trap {
            Some((left, collector, pid)) if *collector == from => {
                if *left == 0 {
                    child::kill(*pid);
                    return false;
                }
                *left -= 1;
                true
            }
            _ => true,
        }
    }
}

#[tonic::async_trait]
impl Ingest for Forwarder {
    type StreamStream = ReceiverStream<Result<CollectorMessage, Status>>;

    async fn stream(
        &self,
        request: Request<Streaming<StationMessage>>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let gone = |_| Status::unavailable("the collector is gone");
        // Before a collector is chosen: one that comes while this stream is being
        // opened takes its share of it too.
        let mut moved = self.moved.clone();
        moved.mark_unchanged();
        let open = Open::next(&self.state);
        let open = open.ok_or_else(|| Status::unavailable("no collector"))?;
        let collector = open.collector;
        let client = IngestClient::connect(format!("http://{collector}")).await.map_err(gone)?;
        let mut client =
            client.max_encoding_message_size(usize::MAX).max_decoding_message_size(usize::MAX);

        let (outward, messages) = mpsc::channel(ROOM);
        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(message)) = inbound.message().await {
                if outward.send(message).await.is_err() {
                    break;
                }
            }
        });
        let mut answers = client.stream(ReceiverStream::new(messages)).await?.into_inner();
        let (inward, answered) = mpsc::channel(ROOM);
        tokio::spawn(async move {
            loop {
                let answer = tokio::select! {
                    answer = answers.message() => answer.transpose(),
                    _ = moved.changed() => break,
                };
                let Some(answer) = answer else { break };
                let is_ack = matches!(
                    &answer,
                    Ok(CollectorMessage { message: Some(collector_message::Message::Ack(_)) })
                );
                if is_ack && !open.state.lock().unwrap().passes(collector) {
                    break;
                }
                let ends = answer.is_err();
                if inward.send(answer).await.is_err() || ends {
                    break;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(answered)))
    }
}
