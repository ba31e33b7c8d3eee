//! The event socket: tells other containers which connections open and close,
//! in the lines of M-Lab's protocol.
//!
//! The sampler hands events over through a bounded queue and never waits; the
//! [`Hub`](hub::Hub) passes them on to a bounded queue for each reader, and one
//! that does not keep up is cut off.  Nothing is read from readers: what they
//! send stays in the kernel, which bounds it.

mod hub;
mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::net::UnixStream;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;
use trigpoint_mlab::EventKind;
use trigpoint_record::FlowIdPrefix;
use trigpoint_sockdiag::{Closed, Flow};

use crate::metrics::Metrics;

use hub::Hub;
pub(crate) use socket::EventSocket;

/// Events that may wait for the hub, which only ever passes them on.
const QUEUE: usize = 16_384;

/// What the hub is told.
#[derive(Debug)]
enum Told {
    /// A flow opened or closed, at this time.
    Event { kind: EventKind, sequence: u64, flow: Flow, time: i64 },
    /// The flow with this cookie carries a test.
    Test { cookie: u64, test_id: String },
}

/// Hands events over without waiting; clones share the queue, and the hub ends
/// with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    queue: Sender<Told>,
    sequence: Arc<AtomicU64>,
    metrics: Metrics,
}

/// Serves the socket, and readers in this process, until every handle is gone
/// and the readers have what was told.
pub(crate) fn start(
    socket: Option<EventSocket>,
    readers: Vec<UnixStream>,
    prefix: FlowIdPrefix,
    metrics: Metrics,
) -> (Handle, JoinHandle<()>) {
    let (queue, told) = mpsc::channel(QUEUE);
    let mut hub = Hub::new(prefix, metrics.clone());
    for reader in readers {
        hub.welcome(reader);
    }
    let serving = tokio::spawn(hub.serve(socket, told));
    (Handle { queue, sequence: Arc::default(), metrics }, serving)
}

impl Handle {
    pub(crate) fn opened(&self, flow: &Flow) {
        self.event(EventKind::Open, flow.clone(), flow.opened.wall_us);
    }

    pub(crate) fn closed(&self, closed: &Closed) {
        self.event(EventKind::Close, closed.flow.clone(), closed.closed.wall_us);
    }

    pub(crate) fn test_started(&self, cookie: u64, test_id: String) {
        self.hand_over(Told::Test { cookie, test_id });
    }

    /// Numbered here, so that a reader sees that one was lost.
    fn event(&self, kind: EventKind, flow: Flow, time: i64) {
        let sequence = self.sequence.fetch_add(1, Relaxed) + 1;
        self.hand_over(Told::Event { kind, sequence, flow, time });
    }

    fn hand_over(&self, told: Told) {
        if self.queue.try_send(told).is_err() {
            self.metrics.lost_events.inc();
        }
    }
}
