//! From one queue of events to a queue for each reader.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tracing::warn;
use trigpoint_mlab::{EventKind, FlowEvent, Position, SockId};
use trigpoint_record::FlowIdPrefix;

use crate::clock;
use crate::metrics::Metrics;

use super::{EventSocket, Told};

/// Lines that may wait for a reader; the kernel holds as many again.
const READER_QUEUE: usize = 1024;
/// A station's pod has one.
const MAX_READERS: usize = 16;
/// How long readers may take for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);
/// Accepting fails for want of descriptors or memory, and does so until some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is known of live connections, and who is told.
pub(super) struct Hub {
    prefix: FlowIdPrefix,
    /// When it started: names its sequence numbers.
    stream: u64,
    live: HashMap<u64, Live>,
    readers: Vec<Reader>,
    writers: JoinSet<()>,
    /// [`Metrics::lost_events`] as far as it is made good.
    lost: u64,
    metrics: Metrics,
}

#[derive(Default)]
struct Live {
    /// Its Open.
    opened: Option<FlowEvent>,
    test_id: Option<String>,
}

struct Reader {
    lines: Sender<Arc<str>>,
    writer: AbortHandle,
}

impl Hub {
    pub(super) fn new(prefix: FlowIdPrefix, metrics: Metrics) -> Self {
        Self {
            prefix,
            stream: clock::unix_us().cast_unsigned(),
            live: HashMap::new(),
            readers: Vec::new(),
            writers: JoinSet::new(),
            lost: metrics.lost_events.get(),
            metrics,
        }
    }

    pub(super) async fn serve(mut self, socket: Option<EventSocket>, mut told: Receiver<Told>) {
        loop {
            tokio::select! {
                told = told.recv() => match told {
                    Some(told) => self.take(told),
                    None => break,
                },
                accepted = accept(socket.as_ref()) => match accepted {
                    Ok(stream) => self.welcome(stream),
                    Err(error) => self.cannot_accept(&error).await,
                },
                Some(_) = self.writers.join_next() => self.forget_gone(),
            }
        }
        drop(socket);
        // A writer ends behind its last line.
        self.readers.clear();
        let _ =
            timeout(LAST_LINES, async { while self.writers.join_next().await.is_some() {} }).await;
        self.metrics.event_readers.set(0);
    }

    fn take(&mut self, told: Told) {
        if self.metrics.lost_events.get() != self.lost {
            self.start_over();
        }
        match told {
            Told::Event { kind, sequence, flow, time } => {
                let cookie = flow.key.cookie;
                let mut event = FlowEvent {
                    kind,
                    time,
                    flow_id: self.prefix.flow_id(cookie),
                    socket: Some(SockId {
                        local: flow.key.local,
                        remote: flow.key.remote,
                        interface: flow.key.interface,
                        cookie,
                    }),
                    position: Some(Position { stream: self.stream, sequence }),
                    is_replay: false,
                    test_id: None,
                };
                match kind {
                    EventKind::Open => {
                        self.live.entry(cookie).or_default().opened = Some(event.clone());
                    }
                    EventKind::Close => {
                        event.test_id = self.live.remove(&cookie).and_then(|live| live.test_id);
                    }
                }
                self.metrics.told(kind);
                self.tell(&event.to_json());
            }
            Told::Test { cookie, test_id } => {
                self.live.entry(cookie).or_default().test_id = Some(test_id);
            }
        }
    }

    fn tell(&mut self, event: &str) {
        let line: Arc<str> = format!("{event}\n").into();
        let metrics = &self.metrics;
        self.readers.retain(|reader| match reader.lines.try_send(Arc::clone(&line)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                // Its writer waits for room that never comes.
                reader.writer.abort();
                metrics.dropped_event_readers.inc();
                warn!(
                    waiting_lines = READER_QUEUE,
                    "a reader of the event socket did not keep up: it is cut off"
                );
                false
            }
            Err(TrySendError::Closed(_)) => false,
        });
    }

    /// A new reader gets the connections that are open, as they were told.
    pub(super) fn welcome(&mut self, stream: UnixStream) {
        if self.readers.len() >= MAX_READERS {
            self.metrics.dropped_event_readers.inc();
            warn!(MAX_READERS, "the event socket has as many readers as it takes: one is refused");
            return;
        }
        let (lines, inbox) = mpsc::channel(READER_QUEUE);
        let writer = self.writers.spawn(write(stream, self.replay(), inbox));
        self.readers.push(Reader { lines, writer });
        self.metrics.event_readers.set(self.readers.len() as i64);
    }

    fn replay(&self) -> String {
        let mut open: Vec<_> = self
            .live
            .values()
            .filter_map(|live| {
                let test_id = live.test_id.clone();
                Some(FlowEvent { is_replay: true, test_id, ..live.opened.clone()? })
            })
            .collect();
        open.sort_unstable_by_key(|event| event.position.map(|position| position.sequence));
        open.iter().flat_map(|event| [event.to_json(), "\n".to_owned()]).collect()
    }

    fn forget_gone(&mut self) {
        self.readers.retain(|reader| !reader.lines.is_closed());
        self.metrics.event_readers.set(self.readers.len() as i64);
    }

    /// Events were lost, so that nobody knows which connections are open: who
    /// reads must connect again.
    fn start_over(&mut self) {
        self.lost = self.metrics.lost_events.get();
        warn!(lost_events = self.lost, "events were lost: the event socket starts over");
        self.live.clear();
        self.readers.clear();
        self.writers.abort_all();
    }

    async fn cannot_accept(&self, error: &io::Error) {
        warn!(%error, "cannot accept readers of the event socket; trying again");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

async fn accept(socket: Option<&EventSocket>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

/// Until the reader is gone, or the last line is written.
async fn write(mut stream: UnixStream, replay: String, mut lines: Receiver<Arc<str>>) {
    let mut written = stream.write_all(replay.as_bytes()).await;
    while written.is_ok()
        && let Some(line) = lines.recv().await
    {
        written = stream.write_all(line.as_bytes()).await;
    }
}
