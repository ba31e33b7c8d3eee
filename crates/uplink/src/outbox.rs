//! Batches on their way to the spool, in memory while the disk takes none.

mod metrics;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use tracing::{error, warn};
use trigpoint_record::Batch;
use trigpoint_spool::{Error, Spool};

pub use metrics::OutboxMetrics;

/// Payload that waits at most: some ten minutes of a busy station.
const MAX_WAITING_BYTES: usize = 32 << 20;
/// Between tries to write to a spool that refuses.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a station that ends goes on trying.
const LAST_TRIES: Duration = Duration::from_secs(5);

/// Rows that neither disk nor memory could hold, by table.
pub type Lost = BTreeMap<&'static str, u64>;

/// Hands batches to the spool in their order.
#[derive(Debug)]
pub struct Outbox {
    spool: Spool,
    metrics: OutboxMetrics,
    max_waiting_bytes: usize,
    waiting: VecDeque<Encoded>,
    waiting_bytes: usize,
    trouble: Option<Trouble>,
}

#[derive(Debug)]
struct Encoded {
    table: &'static str,
    rows: u64,
    payload: Vec<u8>,
}

/// The spool refuses.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    next_try: Instant,
    lost: Lost,
}

impl Outbox {
    /// Nothing waits; of what will, 32 MiB may.
    pub fn new(spool: Spool, metrics: OutboxMetrics) -> Self {
        Self::bounded(spool, metrics, MAX_WAITING_BYTES)
    }

    fn bounded(spool: Spool, metrics: OutboxMetrics, max_waiting_bytes: usize) -> Self {
        let waiting = VecDeque::new();
        Self { spool, metrics, max_waiting_bytes, waiting, waiting_bytes: 0, trouble: None }
    }

    /// Takes a batch; never waits for a disk that refuses it.
    pub fn push(&mut self, batch: &Batch) {
        let payload = trigpoint_wire::encode(batch);
        let rows = batch.rows() as u64;
        self.waiting_bytes += payload.len();
        self.waiting.push_back(Encoded { table: batch.table.name, rows, payload });
        if self.trouble.is_none() {
            self.write();
        }
        // The oldest go, as they do at the spool's size cap.
        while self.waiting_bytes > self.max_waiting_bytes
            && let Some(oldest) = self.take()
        {
            self.lose(&oldest);
        }
        self.metrics.waiting_bytes.set(self.waiting_bytes as i64);
    }

    /// When to try again.
    pub fn due(&self) -> Option<Instant> {
        self.trouble.as_ref().map(|trouble| trouble.next_try)
    }

    /// Tries again if it is time; gives what was lost if that ended the trouble.
    pub fn retry(&mut self) -> Option<Lost> {
        self.due().filter(|due| *due <= Instant::now())?;
        self.write();
        self.metrics.waiting_bytes.set(self.waiting_bytes as i64);
        if !self.waiting.is_empty() {
            return None;
        }
        let Trouble { since, lost, .. } = self.trouble.take()?;
        warn!(
            after_s = since.elapsed().as_secs(),
            lost_rows = lost.values().sum::<u64>(),
            "the spool takes rows again"
        );
        Some(lost).filter(|lost| !lost.is_empty())
    }

    /// Tries for a last while, then gives up what is left.
    pub fn finish(mut self) {
        let end = Instant::now() + LAST_TRIES;
        while let Some(due) = self.due().filter(|due| *due <= end) {
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
            self.retry();
        }
        let mut lost_rows = 0;
        while let Some(batch) = self.take() {
            self.metrics.lost(batch.table, batch.rows);
            lost_rows += batch.rows;
        }
        if lost_rows > 0 {
            error!(lost_rows, "the spool took no rows until the end: those in memory are lost");
        }
    }

    /// Writes what waits, up to the first batch that the spool refuses.
    fn write(&mut self) {
        while let Some(batch) = self.waiting.front() {
            match self.spool.append(batch.table, &batch.payload) {
                Ok(_) => {
                    self.metrics.recorded(batch.table, batch.rows, batch.payload.len() as u64);
                    self.take();
                }
                Err(error @ (Error::PayloadTooLarge { .. } | Error::TableNameTooLong { .. })) => {
                    error!(%error, table = batch.table, rows = batch.rows, "rows are lost");
                    self.metrics.lost(batch.table, batch.rows);
                    self.take();
                }
                Err(error) => {
                    self.refused(&error);
                    return;
                }
            }
        }
    }

    fn refused(&mut self, error: &Error) {
        self.metrics.spool_errors.inc();
        let now = Instant::now();
        let trouble = self.trouble.get_or_insert_with(|| {
            error!(
                %error,
                "cannot write to the spool: rows wait in memory, and it is tried again each second"
            );
            Trouble { since: now, next_try: now, lost: Lost::new() }
        });
        trouble.next_try = now + PAUSE;
    }

    fn take(&mut self) -> Option<Encoded> {
        let batch = self.waiting.pop_front()?;
        self.waiting_bytes -= batch.payload.len();
        Some(batch)
    }

    fn lose(&mut self, batch: &Encoded) {
        self.metrics.lost(batch.table, batch.rows);
        let Some(Trouble { lost, .. }) = &mut self.trouble else { return };
        if lost.is_empty() {
            error!(
                max_waiting_bytes = self.max_waiting_bytes,
                "the spool still takes no rows, and no more fit in memory: the oldest are lost"
            );
        }
        *lost.entry(batch.table).or_default() += batch.rows;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use prometheus::Registry;
    use prometheus::proto::MetricType;
    use tempfile::TempDir;
    use trigpoint_record::Station;
    use trigpoint_record::tables::stations::{Event, StationEvent};
    use trigpoint_record::tables::{Pair, STATIONS};
    use trigpoint_spool::{Entry, Settings};

    use super::*;

    /// A spool whose disk goes away and comes back: each batch needs a new
    /// segment, and there is none to be made in a directory that is gone.
    struct Bench {
        outbox: Outbox,
        spool: Spool,
        registry: Registry,
        path: PathBuf,
        _directory: TempDir,
    }

    fn bench(max_waiting_bytes: usize) -> Bench {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("spool");
        let settings = Settings { segment_bytes: 1, ..Settings::default() };
        let spool = Spool::open(&path, settings).unwrap();
        let registry = Registry::new();
        let metrics = OutboxMetrics::new(&registry).unwrap();
        let outbox = Outbox::bounded(spool.clone(), metrics, max_waiting_bytes);
        Bench { outbox, spool, registry, path, _directory: directory }
    }

    impl Bench {
        fn push(&mut self, fact: &str) {
            let facts: Vec<Pair> = vec![("fact".to_owned(), fact.to_owned())];
            let event = StationEvent { time: 0, event: Event::Ready, facts };
            let mut batch = Batch::new(&STATIONS);
            batch.push(event.into_row(&Station::default())).unwrap();
            self.outbox.push(&batch);
        }

        /// Waits for the next try, which is never far.
        fn retry(&mut self) -> Option<Lost> {
            let due = self.outbox.due()?;
            std::thread::park_timeout(due.saturating_duration_since(Instant::now()));
            self.outbox.retry()
        }

        fn metric(&self, name: &str) -> u64 {
            metric(&self.registry, name)
        }

        /// Sequence numbers of the batches that can be read.
        fn spooled(&self) -> Vec<u64> {
            let (mut seq, mut found) = (0, Vec::new());
            while let Some(entry) = self.spool.read_after(seq).unwrap() {
                seq = entry.last_seq();
                found.extend(matches!(entry, Entry::Batch { .. }).then_some(seq));
            }
            found
        }
    }

    /// The sum over all labels.
    fn metric(registry: &Registry, name: &str) -> u64 {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let values = family.get_metric().iter();
        let values = values.map(|metric| match family.get_field_type() {
            MetricType::GAUGE => metric.get_gauge().get_value(),
            _ => metric.get_counter().get_value(),
        });
        values.sum::<f64>() as u64
    }

    #[test]
    fn rows_that_the_disk_refuses_wait_and_are_written_once_in_their_order() {
        let mut bench = bench(MAX_WAITING_BYTES);
        bench.push("before");
        fs::remove_dir_all(&bench.path).unwrap();
        for fact in ["one", "two", "three"] {
            bench.push(fact);
        }
        assert_eq!(bench.retry(), None);
        assert!(bench.metric("trigpoint_unspooled_bytes") > 0);
        assert_eq!(bench.metric("trigpoint_recorded_rows_total"), 1);

        fs::create_dir(&bench.path).unwrap();
        bench.push("four");
        assert_eq!(bench.retry(), None, "nothing was lost");
        assert_eq!(bench.outbox.due(), None);
        bench.push("five");
        assert_eq!(bench.spooled(), [2, 3, 4, 5, 6], "the first went with the directory");
        assert_eq!(bench.metric("trigpoint_unspooled_bytes"), 0);
        assert_eq!(bench.metric("trigpoint_recorded_rows_total"), 6);
        assert_eq!(bench.metric("trigpoint_lost_rows_total"), 0);
    }

    #[test]
    fn beyond_the_bound_the_oldest_are_lost_and_counted() {
        let mut bench = bench(1000);
        bench.push("before");
        fs::remove_dir_all(&bench.path).unwrap();
        for number in 0..100 {
            bench.push(&format!("number {number}"));
        }
        let waiting = bench.metric("trigpoint_unspooled_bytes");
        assert!(waiting > 500 && waiting <= 1000, "{waiting}");
        fs::create_dir(&bench.path).unwrap();
        let lost = bench.retry().unwrap()["stations"];
        assert_eq!(bench.metric("trigpoint_lost_rows_total"), lost);
        assert_eq!(bench.spooled().len() as u64, 100 - lost);
    }

    #[test]
    fn a_station_that_ends_on_a_full_disk_ends() {
        let mut bench = bench(MAX_WAITING_BYTES);
        bench.push("before");
        fs::remove_dir_all(&bench.path).unwrap();
        bench.push("lost");
        let Bench { outbox, registry, .. } = bench;
        outbox.finish();
        assert_eq!(metric(&registry, "trigpoint_lost_rows_total"), 1);
    }
}
