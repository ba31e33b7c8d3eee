//! What must be true of any answer, and what all readers saw together.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::reader::Habit;
use super::station::{Delivered, ROUND, first_seq};

/// Rounds of each spool and table that a reader has seen before.
pub(crate) type Seen = BTreeMap<(String, &'static str), u64>;

/// One row for each table and spool.
pub(crate) fn sql() -> String {
    let of = |table: &str| {
        let key = if table == "snapshots" { "concat(flow_id, '/', n)" } else { "flow_id" };
        format!(
            "SELECT '{table}' AS name, spool_id, count(*) AS \"rows\", \
             count(DISTINCT {key}) AS keys, count(DISTINCT batch_seq) AS batches, \
             min(batch_seq) AS first, max(batch_seq) AS last FROM {table} GROUP BY spool_id"
        )
    };
    ROUND.map(|(table, _)| of(table.name)).join(" UNION ALL ")
}

/// The rounds that a query must see at least: those acknowledged when it started.
pub(crate) fn acknowledged(delivered: &[impl AsRef<Delivered>]) -> Vec<u64> {
    delivered.iter().map(|one| one.as_ref().acknowledged()).collect()
}

/// Fails unless the answer of [`sql`] has no duplicate and no hole, and nothing
/// is missing that was acknowledged or seen before.
pub(crate) fn check(
    answer: &[Value],
    delivered: &[impl AsRef<Delivered>],
    at_least: &[u64],
    seen: &mut Seen,
) {
    for (station, at_least) in delivered.iter().zip(at_least) {
        let station = station.as_ref();
        let mut of_later_table = 0;
        // A test that is visible is so with its flow and its snapshots.
        for (place, (table, rows_of_batch)) in ROUND.into_iter().enumerate().rev() {
            let row = answer.iter().find(|row| {
                row["name"] == table.name && row["spool_id"] == station.spool_id.as_str()
            });
            let number = |name: &str| row.map_or(0, |row| row[name].as_u64().unwrap());
            let batches = number("batches");
            let context = || format!("{} of {}: {row:?}", table.name, station.spool_id);
            assert_eq!(number("keys"), number("rows"), "duplicates in {}", context());
            assert_eq!(number("rows"), batches * rows_of_batch, "a torn batch in {}", context());
            if batches > 0 {
                let first = first_seq(place);
                let last = first + (batches - 1) * ROUND.len() as u64;
                assert_eq!((number("first"), number("last")), (first, last), "{}", context());
            }
            let seen = seen.entry((station.spool_id.clone(), table.name)).or_default();
            let least = (*at_least).max(*seen).max(of_later_table);
            assert!(batches >= least, "{least} batches expected in {}", context());
            assert!(batches <= station.begun(), "never sent: {}", context());
            *seen = batches;
            of_later_table = batches;
        }
    }
}

/// What readers did.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    queries: BTreeMap<Habit, u64>,
    /// Given up at the cap; they show nothing.
    capped: u64,
    longest: Duration,
}

impl Totals {
    pub(crate) fn count(&mut self, habit: Habit, took: Option<Duration>) {
        let Some(took) = took else {
            self.capped += 1;
            return;
        };
        *self.queries.entry(habit).or_default() += 1;
        self.longest = self.longest.max(took);
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (habit, count) in other.queries {
            *self.queries.entry(habit).or_default() += count;
        }
        self.capped += other.capped;
        self.longest = self.longest.max(other.longest);
    }

    /// Whether each kind of reader has had answers.
    pub(crate) fn every_habit_read(&self) -> bool {
        Habit::ALL.iter().all(|habit| self.queries.contains_key(habit))
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (queries, longest) = (&self.queries, self.longest.as_secs_f64());
        write!(formatter, "queries {queries:?}, longest {longest:.1} s, {} capped", self.capped)
    }
}
