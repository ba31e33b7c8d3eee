//! When each test is measured: one thread for all tests, which reads sockets
//! by exact get beside the loops that move the data and is never in their way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rand::RngCore as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::warn;
use trigpoint_ndt7::measurement_interval;
use trigpoint_sockdiag::{Inspector, SocketKey, SocketMessage};

use crate::Error;

const THREAD: &str = "measurer";

/// One reading of a test's socket.
#[derive(Debug)]
pub(crate) struct Sample {
    /// When the kernel had answered.
    pub(crate) taken: Instant,
    /// Payload sent to the kernel (download) or received (upload) by then.
    pub(crate) application_bytes: u64,
    /// What it said; nothing when the socket is gone or could not be read.
    pub(crate) message: Option<SocketMessage>,
    /// The last one of the test.
    pub(crate) is_last: bool,
}

/// The thread's handle; clones share it, and it ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Measurer {
    orders: Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Start(Subject),
    Finish(u64),
}

#[derive(Debug)]
struct Subject {
    key: SocketKey,
    end: Instant,
    application_bytes: Arc<AtomicU64>,
    /// A test has some fifty samples, so the queue is bounded by its length.
    samples: UnboundedSender<Sample>,
}

/// The samples of one test, at random intervals until the last at its end.
#[derive(Debug)]
pub(crate) struct Samples {
    receiver: UnboundedReceiver<Sample>,
    orders: Sender<Order>,
    cookie: u64,
}

impl Measurer {
    pub(crate) fn start() -> Result<(Self, JoinHandle<()>), Error> {
        let inspector = Inspector::open()?;
        let (orders, inbox) = channel();
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || Schedule::new(inspector).run(&inbox))
            .map_err(|source| Error::Thread { name: THREAD, source })?;
        Ok((Self { orders }, thread))
    }

    /// Samples of `key` from now to `end`, with what the test's loop counts.
    pub(crate) fn measure(
        &self,
        key: SocketKey,
        end: Instant,
        application_bytes: Arc<AtomicU64>,
    ) -> Samples {
        let (samples, receiver) = unbounded_channel();
        // The thread ends only after its last handle; then nobody measures.
        let _ = self.orders.send(Order::Start(Subject { key, end, application_bytes, samples }));
        Samples { receiver, orders: self.orders.clone(), cookie: key.cookie }
    }
}

impl Samples {
    /// The next one; `None` after the last. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Option<Sample> {
        self.receiver.recv().await
    }

    /// Takes the last sample now.
    pub(crate) fn finish(&self) {
        let _ = self.orders.send(Order::Finish(self.cookie));
    }
}

/// Which test is due when. A stale entry, of a test that ended early, finds no
/// subject and is dropped.
struct Schedule {
    inspector: Inspector,
    subjects: HashMap<u64, Subject>,
    due: BinaryHeap<Reverse<(Instant, u64)>>,
}

impl Schedule {
    fn new(inspector: Inspector) -> Self {
        Self { inspector, subjects: HashMap::new(), due: BinaryHeap::new() }
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            let order = match self.due.peek() {
                Some(Reverse((due, _))) => {
                    inbox.recv_timeout(due.saturating_duration_since(Instant::now()))
                }
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(Order::Start(subject)) => self.add(subject),
                Ok(Order::Finish(cookie)) => self.sample(cookie, true),
                Err(RecvTimeoutError::Timeout) => self.sample_due(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn add(&mut self, subject: Subject) {
        let cookie = subject.key.cookie;
        self.due.push(Reverse((next_due(subject.end), cookie)));
        self.subjects.insert(cookie, subject);
    }

    fn sample_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((due, cookie))) = self.due.peek().copied() {
            if due > now {
                return;
            }
            self.due.pop();
            let Some(subject) = self.subjects.get(&cookie) else { continue };
            let (end, is_last) = (subject.end, due >= subject.end);
            self.sample(cookie, is_last);
            if self.subjects.contains_key(&cookie) {
                self.due.push(Reverse((next_due(end), cookie)));
            }
        }
    }

    fn sample(&mut self, cookie: u64, is_last: bool) {
        let Some(subject) = self.subjects.get(&cookie) else { return };
        // Before the kernel is asked: what the test hands over meanwhile would count as
        // delivered, since it is not in the queue that the answer tells of.
        let application_bytes = subject.application_bytes.load(Ordering::Acquire);
        let message = self.inspector.get(&subject.key).unwrap_or_else(|error| {
            warn!(%error, "cannot measure a test");
            None
        });
        let sample = Sample { taken: Instant::now(), application_bytes, message, is_last };
        let nobody_waits = subject.samples.send(sample).is_err();
        if is_last || nobody_waits {
            self.subjects.remove(&cookie);
        }
    }
}

/// The next sample, or the end if that comes first.
fn next_due(end: Instant) -> Instant {
    let interval: Duration = measurement_interval(rand::rng().next_u64());
    (Instant::now() + interval).min(end)
}
