//! The one task that commits what all streams brought.
//!
//! One commit at a time, so never two of one stream are in flight.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use trigpoint_lake::{Appended, Group, Lake};
use trigpoint_record::{Table, tables::SPEED_TESTS};

use crate::{
    Settings,
    cadence::Cadence,
    maintenance::NewFiles,
    memory::Account,
    metrics::Metrics,
    pending::{Pending, Submission},
    stream::{End, Stream},
};

/// The first pause that stations are asked for after a failed commit.
const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_mins(1);

/// What streams tell the committer.
#[derive(Debug)]
pub(crate) enum Message {
    Batch(Submission),
    /// A station has ended its side of the stream: nothing follows what it brought.
    Finished(Arc<Stream>),
    /// A stream waits for memory.
    Pressed,
}

pub(crate) struct Committer {
    lake: Lake,
    cadence: Cadence,
    metrics: Arc<Metrics>,
    memory: Arc<Account>,
    /// Heard by the maintainer, if there is one.
    new_files: mpsc::UnboundedSender<NewFiles>,
    stopping: watch::Receiver<bool>,
    pending: Pending,
    failures: u32,
    failing_since: Option<Instant>,
}

impl Committer {
    pub(crate) fn new(
        lake: Lake,
        settings: Settings,
        metrics: Arc<Metrics>,
        memory: Arc<Account>,
        new_files: mpsc::UnboundedSender<NewFiles>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            lake,
            cadence: Cadence::new(settings),
            metrics,
            memory,
            new_files,
            stopping,
            pending: Pending::default(),
            failures: 0,
            failing_since: None,
        }
    }

    /// Runs until every stream has ended and everything is committed.
    pub(crate) async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        loop {
            let stopping = *self.stopping.borrow_and_update();
            let due = match self.cadence.due(&self.pending.waiting) {
                Some(_) if stopping => Some(Instant::now()),
                due => due,
            };
            if due.is_some_and(|due| due <= Instant::now()) {
                self.commit().await;
                continue;
            }
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.take(message),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                Ok(()) = self.stopping.changed(), if !stopping => {}
            }
            // What came during a commit belongs to the next one as a whole: a
            // test together with its snapshots.
            while let Ok(message) = messages.try_recv() {
                self.take(message);
            }
        }
        if !self.pending.is_empty() {
            self.commit().await;
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Batch(batch) => self.pending.push(batch),
            Message::Finished(stream) => self.pending.finish(&stream),
            Message::Pressed => self.pending.waiting.pressed = true,
        }
    }

    /// Commits everything that is pending, and tells its streams.
    async fn commit(&mut self) {
        let started = Instant::now();
        let mut group = std::mem::take(&mut self.pending);
        let mut failure: Option<String> = None;
        // The order of the tables: a test that is visible has its snapshots.
        for &table in self.lake.clone().tables() {
            let groups = group.take(table);
            if groups.is_empty() {
                continue;
            }
            let newest_test = newest_test(table, &groups);
            let spools: Vec<_> = groups.iter().map(|group| group.app_id.clone()).collect();
            let start = Instant::now();
            match append(&self.lake, table, groups).await {
                Ok(appended) => self.appended(table, &appended, newest_test, start.elapsed()),
                Err(error) => {
                    self.metrics.commit_failures.with_label_values(&[table.name]).inc();
                    group.fail(&spools);
                    failure = Some(error);
                    break;
                }
            }
        }
        self.cadence.committed(started, started.elapsed());
        if let Some(detail) = failure {
            self.failing_since.get_or_insert(started);
            self.failed(group, &detail);
        } else {
            if let Some(since) = self.failing_since.take() {
                let for_s = since.elapsed().as_secs();
                tracing::info!(failures = self.failures, for_s, "commits succeed again");
            }
            self.failures = 0;
            group.settle(None);
        }
        self.metrics.waiting_bytes.set(self.memory.used() as i64);
    }

    /// Sends the streams away whose batches were not committed.
    fn failed(&mut self, group: Pending, detail: &str) {
        let after = SHORTEST_RETRY * 2_u32.saturating_pow(self.failures.min(16));
        let after = after.min(LONGEST_RETRY);
        self.failures += 1;
        let streams = group.settle(Some(&End::Failed { after, detail: detail.to_owned() }));
        tracing::error!(
            error = detail,
            streams,
            retry_s = after.as_secs(),
            "commit failed, waiting for the store: stations keep their batches and send them again"
        );
    }

    fn appended(
        &self,
        table: &'static Table,
        appended: &Appended,
        newest_test: Option<i64>,
        took: Duration,
    ) {
        let label = &[table.name];
        self.metrics.commit_conflicts.with_label_values(label).inc_by(appended.retries.into());
        self.metrics.duplicates.with_label_values(label).inc_by(appended.duplicates);
        if appended.version.is_none() {
            return;
        }
        // Nobody may be there who merges them.
        let _ = self.new_files.send(NewFiles { table, count: appended.files });
        if let Some(end_time) = newest_test {
            self.metrics.test_arrived(end_time);
        }
        self.metrics.rows.with_label_values(label).inc_by(appended.rows);
        self.metrics.bytes.with_label_values(label).inc_by(appended.bytes);
        self.metrics.commits.with_label_values(label).inc();
        self.metrics.commit_seconds.with_label_values(label).observe(took.as_secs_f64());
        tracing::debug!(
            table = table.name,
            version = appended.version,
            rows = appended.rows,
            took_ms = took.as_millis(),
            "committed"
        );
    }
}

/// When the newest of these tests ended.
fn newest_test(table: &Table, groups: &[Group]) -> Option<i64> {
    if table.name != SPEED_TESTS.name {
        return None;
    }
    let rows = groups.iter().flat_map(|group| &group.rows);
    rows.filter_map(|rows| rows.latest("end_time")).max()
}

/// Appends in a task of its own: a panic in there is one more error that does
/// not say what was stored, and nobody would commit any more without this one.
async fn append(
    lake: &Lake,
    table: &'static Table,
    groups: Vec<Group>,
) -> Result<Appended, String> {
    let lake = lake.clone();
    match tokio::spawn(async move { lake.append(table, groups).await }).await {
        Ok(appended) => appended.map_err(|error| error.line()),
        Err(error) => Err(format!("the commit of table {} broke off: {error}", table.name)),
    }
}
