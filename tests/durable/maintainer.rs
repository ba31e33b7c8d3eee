//! Maintenance in a process of its own, on a store that may kill it.
//!
//! It is told `go TABLE`, does what it was started for to that table, and says
//! `done`.

use std::io::BufRead as _;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use trigpoint_lake::{Compaction, Lake, LogCleaning, Vacuum};
use trigpoint_record::{Table, table};

use super::child::say;
use super::collector::Place;
use super::faults::{Fault, Plan};

/// Rows of dates before this one are taken away.
pub(crate) const RETAINED_BEFORE: NaiveDate = NaiveDate::from_ymd_opt(2026, 11, 1).unwrap();

/// One kind of care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    Compact,
    Retain,
    Vacuum,
    CleanLog,
}

impl Act {
    pub(crate) const ALL: [Self; 4] = [Self::Compact, Self::Retain, Self::Vacuum, Self::CleanLog];

    async fn act(self, lake: &Lake, table: &'static Table, now: DateTime<Utc>) {
        match self {
            Self::Compact => {
                let settings = Compaction { small_files: 2, ..Compaction::default() };
                lake.compact(table, &settings, now).await.unwrap();
            }
            Self::Retain => {
                lake.retain(table, RETAINED_BEFORE, now).await.unwrap();
            }
            Self::Vacuum => {
                let age = Duration::ZERO;
                let settings = Vacuum { orphan_age: age, deleted_file_age: Some(age) };
                lake.vacuum(table, &settings, now).await.unwrap();
            }
            Self::CleanLog => {
                let settings = LogCleaning { age: Some(Duration::ZERO) };
                lake.clean_log(table, &settings, now).await.unwrap();
            }
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    pub(crate) place: Place,
    pub(crate) faults: Vec<Fault>,
    pub(crate) acts: Vec<Act>,
}

pub(crate) fn run(options: Options) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let lake = options.place.faulty(Plan::new(options.faults));
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let table = line.strip_prefix("go ").and_then(table).unwrap();
        runtime.block_on(async {
            for act in &options.acts {
                act.act(&lake, table, Utc::now()).await;
            }
        });
        say(format_args!("done"));
    }
}
