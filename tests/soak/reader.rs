//! Ten readers with different habits.

use std::path::PathBuf;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::block_in_place;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use trigpoint_lake::{Format, Lake};
use trigpoint_testkit::run;

use super::invariants::{self, Seen, Totals};
use super::station::{Delivered, ROUND, rest};
use super::{DEADLINE, Load, Plan, TRIGPOINT, lake};

/// Between two queries of one reader: without it, readers leave no time for
/// what they are to be disturbed by.
const PAUSE: Duration = Duration::from_secs(1);

/// How somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Habit {
    /// One session, query after query.
    Steady,
    /// One session, idle for longer than the log is kept.
    Idle,
    /// Takes almost as long as a query may for reading the rows.
    Slow,
    /// A new `trigpoint query` each time.
    NewProcess,
}

impl Habit {
    pub(crate) const ALL: [Self; 4] = [Self::Steady, Self::Idle, Self::Slow, Self::NewProcess];
}

pub(crate) struct Reader {
    pub(crate) habit: Habit,
    pub(crate) data: PathBuf,
    pub(crate) plan: Plan,
    pub(crate) delivered: Vec<Arc<Delivered>>,
}

impl Reader {
    pub(crate) async fn run(self, load: Load) -> Totals {
        let _ending = load.ending();
        let (mut seen, mut totals) = (Seen::new(), Totals::default());
        let lake = self.lake();
        while load.goes_on() {
            let started = Instant::now();
            let at_least = invariants::acknowledged(&self.delivered);
            let finished = match self.habit {
                Habit::Slow => {
                    timeout(self.plan.query_cap, self.read_slowly(&lake, &at_least)).await.is_ok()
                }
                Habit::NewProcess => {
                    let answer = block_in_place(|| self.in_new_process());
                    invariants::check(&answer, &self.delivered, &at_least, &mut seen);
                    true
                }
                Habit::Steady | Habit::Idle => {
                    let answer = timeout(self.plan.query_cap, in_session(&lake)).await;
                    if let Ok(answer) = &answer {
                        invariants::check(answer, &self.delivered, &at_least, &mut seen);
                    }
                    answer.is_ok()
                }
            };
            totals.count(self.habit, finished.then(|| started.elapsed()));
            rest(if self.habit == Habit::Idle { self.plan.retention * 5 / 4 } else { PAUSE }).await;
        }
        totals
    }

    /// When all is acknowledged, readers see it all and nothing else.
    pub(crate) async fn expect_exactly_what_was_sent(&self) {
        let all = invariants::acknowledged(&self.delivered);
        assert!(all.iter().all(|rounds| *rounds > 0));
        let answer = in_session(&self.lake()).await;
        // As many as were begun are the most that the check lets pass.
        invariants::check(&answer, &self.delivered, &all, &mut Seen::new());
    }

    fn lake(&self) -> Lake {
        Lake::open(lake(&self.data).to_str().unwrap()).unwrap()
    }

    /// The cap of a process is the deadline of `run`, which fails the test: it
    /// is no figure of the soak how slow a debug build starts.
    fn in_new_process(&self) -> Vec<Value> {
        let mut command = Command::new(TRIGPOINT);
        command.args(["query", "--format", "json", &invariants::sql(), "--data-dir"]);
        let answer = run(command.arg(&self.data), DEADLINE);
        answer.expect_code(0);
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// Reads every snapshot, batch by batch, with rests between them: files are
    /// opened one after the other, the last ones when they are long replaced.
    async fn read_slowly(&self, lake: &Lake, at_least: &[u64]) {
        let started = Instant::now();
        let (_, rows_of_batch) = ROUND[0];
        let answer = lake.session().query("SELECT flow_id, n FROM snapshots").await.unwrap();
        let mut batches = pin!(answer.into_stream());
        let mut rows = 0;
        while let Some(batch) = batches.next().await {
            rows += batch.unwrap().num_rows() as u64;
            if started.elapsed() < self.plan.query_cap * 3 / 4 {
                rest(self.plan.query_cap / 20).await;
            }
        }
        let least = at_least.iter().sum::<u64>() * rows_of_batch;
        let most = self.delivered.iter().map(|one| one.begun()).sum::<u64>() * rows_of_batch;
        assert!((least..=most).contains(&rows), "{rows} snapshots, not {least} to {most}");
        assert_eq!(rows % rows_of_batch, 0, "{rows} snapshots");
    }
}

async fn in_session(lake: &Lake) -> Vec<Value> {
    let answer = lake.session().query(&invariants::sql()).await.unwrap();
    let mut text = Vec::new();
    trigpoint_lake::write(answer, Format::Json, &mut text).await.unwrap();
    serde_json::from_slice(&text).unwrap()
}
