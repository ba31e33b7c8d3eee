//! From observations to the spool, on a thread of its own.
//!
//! The sampler and the tests hand over what they saw through one bounded
//! queue and never wait; what does not fit is counted as dropped.  Rows that the
//! disk refuses wait in memory, within a bound.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::error;
use trigpoint_record::tables::flows::{self, LastPoll, RttQuantiles, Watched};
use trigpoint_record::tables::snapshots::{Attributes, Header, Snapshot, Snapshots};
use trigpoint_record::tables::speed_tests::SpeedTest;
use trigpoint_record::tables::stations::{Event, StationEvent};
use trigpoint_record::tables::{FLOWS, SPEED_TESTS, STATIONS};
use trigpoint_record::{Batch, FlowId, FlowIdPrefix, Station, Value};
use trigpoint_sockdiag::{Closed, Family, FinalFrom, Flow, Polled, Recorder};
use trigpoint_spool::Spool;
use trigpoint_uplink::{Lost, Outbox};

use crate::metrics::Metrics;
use crate::{Error, clock};

const THREAD: &str = "recording";
/// Observations that may wait, of about a kilobyte: some seconds of a busy station.
const QUEUE: usize = 32_768;
/// Rows wait so long at most before they are durable.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);
/// After a test's end, so that the sampler's polls up to that moment, which
/// come through the same queue from another thread, are in the batch before it.
const AFTER_TEST: Duration = Duration::from_millis(50);
/// Snapshots or flows in one batch: about 100 KiB compressed.
const BATCH_ROWS: usize = 4096;
/// Tests in one batch: a client chooses how much it reports of its side.
const BATCH_TESTS: usize = 64;

/// Whose rows these are and where they go.
#[derive(Debug)]
pub struct Recording {
    /// What every row says about the station.
    pub station: Station,
    /// First part of every flow's name.
    pub prefix: FlowIdPrefix,
    /// Where rows become durable.
    pub spool: Spool,
}

#[derive(Debug)]
enum Observation {
    Opened(Flow),
    Snapshot(Flow, Box<Polled>),
    Closed(Box<Closed>),
    TestStarted { cookie: u64, test_id: String },
    TestEnded { cookie: u64, test: Box<SpeedTest> },
    Station(Box<StationEvent>),
}

/// Hands observations over without waiting; clones share the queue, and the
/// thread ends with the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    queue: SyncSender<Observation>,
    metrics: Metrics,
}

pub(crate) fn start(
    recording: Recording,
    metrics: Metrics,
) -> Result<(Handle, JoinHandle<()>), Error> {
    let (queue, inbox) = sync_channel(QUEUE);
    let writer = Writer::new(recording, metrics.clone());
    let thread = std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(move || writer.run(&inbox))
        .map_err(|source| Error::Thread { name: THREAD, source })?;
    Ok((Handle { queue, metrics }, thread))
}

impl Handle {
    pub(crate) fn test_started(&self, cookie: u64, test_id: String) {
        self.hand_over(Observation::TestStarted { cookie, test_id });
    }

    pub(crate) fn test_ended(&self, cookie: u64, test: SpeedTest) {
        self.hand_over(Observation::TestEnded { cookie, test: Box::new(test) });
    }

    pub(crate) fn station(&self, event: StationEvent) {
        self.hand_over(Observation::Station(Box::new(event)));
    }

    fn hand_over(&self, observation: Observation) {
        if self.queue.try_send(observation).is_err() {
            self.metrics.recording_dropped.inc();
        }
    }
}

impl Recorder for Handle {
    fn opened(&mut self, flow: &Flow) {
        self.hand_over(Observation::Opened(flow.clone()));
    }

    fn snapshot(&mut self, flow: &Flow, polled: &Polled) {
        self.hand_over(Observation::Snapshot(flow.clone(), Box::new(polled.clone())));
    }

    fn closed(&mut self, closed: &Closed) {
        self.hand_over(Observation::Closed(Box::new(closed.clone())));
    }
}

/// The rows that gather, and what is known of live connections.
struct Writer {
    recording: Recording,
    outbox: Outbox,
    snapshots: Snapshots,
    flows: Batch,
    tests: Batch,
    stations: Batch,
    live: HashMap<u64, Live>,
    due: Option<Instant>,
}

#[derive(Default)]
struct Live {
    opened_time: Option<i64>,
    test_id: Option<String>,
}

impl Writer {
    fn new(recording: Recording, metrics: Metrics) -> Self {
        Self {
            snapshots: Snapshots::new(recording.station.clone()),
            flows: Batch::new(&FLOWS),
            tests: Batch::new(&SPEED_TESTS),
            stations: Batch::new(&STATIONS),
            live: HashMap::new(),
            due: None,
            outbox: Outbox::new(recording.spool.clone(), metrics.outbox),
            recording,
        }
    }

    fn run(mut self, inbox: &Receiver<Observation>) {
        loop {
            let observation = match self.due.into_iter().chain(self.outbox.due()).min() {
                Some(due) => inbox.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match observation {
                Ok(observation) => self.take(observation),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.flush();
                    self.outbox.finish();
                    return;
                }
            }
            if self.is_full() || self.due.is_some_and(|due| due <= Instant::now()) {
                self.flush();
            }
            if let Some(lost) = self.outbox.retry() {
                self.lost(lost);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.snapshots.rows().max(self.flows.rows()) >= BATCH_ROWS
            || self.tests.rows() >= BATCH_TESTS
    }

    /// Says so in the tables too.
    fn lost(&mut self, lost: Lost) {
        let facts = lost.into_iter().map(|(table, rows)| (table.to_owned(), rows.to_string()));
        let event = Event::RowsLost;
        let event = StationEvent { time: clock::unix_us(), event, facts: facts.collect() };
        self.take(Observation::Station(Box::new(event)));
    }

    fn take(&mut self, observation: Observation) {
        self.flush_within(match observation {
            Observation::TestEnded { .. } => AFTER_TEST,
            _ => FLUSH_PERIOD,
        });
        match observation {
            Observation::Opened(flow) => {
                self.live.entry(flow.key.cookie).or_default().opened_time =
                    Some(flow.opened.wall_us);
            }
            Observation::Snapshot(flow, polled) => self.snapshot(&flow, &polled),
            Observation::Closed(closed) => self.closed(*closed),
            Observation::TestStarted { cookie, test_id } => {
                self.live.entry(cookie).or_default().test_id = Some(test_id);
            }
            Observation::TestEnded { cookie, mut test } => {
                if let Some(opened) = self.live.get(&cookie).and_then(|live| live.opened_time) {
                    // The same moment in every table, so the same date.
                    test.opened_time = opened;
                }
                let row = test.into_row(&self.recording.station);
                push(&mut self.tests, row);
            }
            Observation::Station(event) => {
                let row = event.into_row(&self.recording.station);
                push(&mut self.stations, row);
            }
        }
    }

    fn flush_within(&mut self, wait: Duration) {
        let due = Instant::now() + wait;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn flow_id(&self, flow: &Flow) -> FlowId {
        self.recording.prefix.flow_id(flow.key.cookie)
    }

    fn snapshot(&mut self, flow: &Flow, polled: &Polled) {
        let message = &polled.message;
        let flow_id = self.flow_id(flow);
        self.snapshots.push(&Snapshot {
            flow_id: &flow_id,
            opened_time: flow.opened.wall_us,
            n: polled.n,
            poll_no: polled.poll_no,
            elapsed_us: polled.elapsed_us,
            request_time: polled.request_time,
            reply_time: polled.reply_time,
            polls_unchanged_before: polled.unchanged_before,
            polls_missed_before: polled.missed_before,
            header: Header {
                family: family_number(message.key.family),
                state: message.state,
                timer: message.timer,
                retrans: message.retransmits,
                expires_ms: message.expires_ms,
                rqueue_bytes: message.rqueue,
                wqueue_bytes: message.wqueue,
                uid: message.uid,
                inode: message.inode,
                interface: message.key.interface,
            },
            congestion_algorithm: message.congestion_algorithm.as_deref(),
            attributes: Attributes {
                tos: message.tos,
                tclass: message.tclass,
                class_id: message.class_id,
                shutdown: message.shutdown,
                protocol: message.protocol,
                mark: message.mark,
            },
            // The column has bit t for type t, the message bit t - 1.
            attribute_bitmap: message.attributes << 1,
            undecoded_attributes: &message.undecoded,
            meminfo: message.meminfo.as_ref(),
            skmeminfo: message.skmeminfo.as_ref(),
            congestion: message.congestion.as_ref(),
            tcp_info: message.tcp_info.as_ref(),
        });
    }

    fn closed(&mut self, closed: Closed) {
        let flow_id = self.flow_id(&closed.flow);
        let key = closed.flow.key;
        let live = self.live.remove(&key.cookie).unwrap_or_default();
        let last = closed.last_polled;
        let row = flows::Flow {
            flow_id,
            opened_time: closed.flow.opened.wall_us,
            closed_time: closed.closed.wall_us,
            cookie: key.cookie,
            family: family_number(key.family),
            local: key.local,
            remote: key.remote,
            test_id: live.test_id,
            congestion_algorithm: last
                .as_ref()
                .and_then(|polled| polled.message.congestion_algorithm.clone()),
            polls_done: closed.polls_done,
            polls_unchanged: closed.polls_unchanged,
            polls_missed: closed.polls_missed,
            watched: closed.watched.map(|watched| Watched {
                time: watched.since.wall_us,
                elapsed_us: watched.elapsed_us,
                poll_no: watched.poll_no,
                polls_done: watched.polls_done,
                polls_missed: watched.polls_missed,
            }),
            longest_gap_us: closed.longest_gap_us,
            rtt: closed.rtt.map(|rtt| RttQuantiles {
                min_us: rtt.min_us.into(),
                median_us: rtt.median_us.into(),
                p95_us: rtt.p95_us.into(),
                max_us: rtt.max_us.into(),
            }),
            last_poll: last.and_then(|polled| {
                Some(LastPoll {
                    elapsed_us: polled.elapsed_us,
                    reply_time: polled.reply_time,
                    tcp_info: polled.message.tcp_info?,
                })
            }),
            destroyed: closed.final_counters.filter(|_| closed.final_from == FinalFrom::Destroy),
        }
        .into_row(&self.recording.station);
        push(&mut self.flows, row);
    }

    /// Writes what has gathered; in the order of commits, so that a visible
    /// test is complete in its snapshots.
    fn flush(&mut self) {
        self.due = None;
        let snapshots = self.snapshots.take();
        let flows = std::mem::replace(&mut self.flows, Batch::new(&FLOWS));
        let tests = std::mem::replace(&mut self.tests, Batch::new(&SPEED_TESTS));
        let stations = std::mem::replace(&mut self.stations, Batch::new(&STATIONS));
        for batch in [snapshots, flows, tests, stations] {
            if batch.rows() > 0 {
                self.outbox.push(&batch);
            }
        }
    }
}

fn push(batch: &mut Batch, row: Vec<Value>) {
    if let Err(error) = batch.push(row) {
        error!(%error, table = batch.table.name, "a row does not fit its table: it is lost");
    }
}

fn family_number(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}
