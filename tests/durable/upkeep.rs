//! The driver of maintenance: rows come in, maintainers die, and after each
//! death everything has to be as it should.

use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::runtime::Runtime;
use trigpoint_lake::check::Settings;
use trigpoint_lake::{Description, Group, Lake, Rows, Sent};
use trigpoint_record::Table;
use trigpoint_testkit::Directory;

use super::child::{Event, Handle, Role, What};
use super::collector::Place;
use super::faults::{Call, Fault, Moment, Plan};
use super::ledger::{self, Appended, Batch, Due, Ledger, TABLES};
use super::maintainer::{self, Act};
use super::station;

/// Far above what a loaded machine needs for anything that is waited for here.
const DEADLINE: Duration = Duration::from_mins(5);
/// Rounds without the planned death: more than a checkpoint is apart.
const ROUNDS: usize = 120;
/// Batches of each station before a round, so that there is something to merge.
const BATCHES: usize = 2;
const ROWS: usize = 5;
/// When the tests were of a station that was offline for long: retention takes
/// them away.
const LONG_AGO: i64 = station::MIDNIGHT - 60 * station::DAY;

pub(crate) struct Upkeep {
    test: &'static str,
    directory: Directory,
    place: Place,
    lake: Lake,
    /// A station that measures, and one that was offline for long.
    sources: [Source; 2],
    runtime: Runtime,
    sender: Sender<Event>,
    events: Receiver<Event>,
    random: StdRng,
    pub(crate) deaths: usize,
}

struct Source {
    ledger: Ledger,
    /// Microseconds since the Unix epoch.
    opened: i64,
}

impl Source {
    fn new(name: &str, opened: i64) -> Self {
        let mut ledger = Ledger::new(name.to_owned());
        ledger.spool_id = Some(name.to_owned());
        Self { ledger, opened }
    }

    /// The next batch, which is in the ledger already.
    fn next(&mut self, table: &'static Table) -> Group {
        let spool_id = self.ledger.station.clone();
        let number = self.ledger.batches.len() as u64;
        let seq = number + 1;
        let batch = station::batch_of(&spool_id, number, table, ROWS, self.opened);
        let columns = table.columns.iter().zip(batch.columns);
        let sent = columns
            .map(|(column, array)| Sent { description: Description::from(column), array })
            .collect();
        let rows = vec![Rows::convert(table, &spool_id, seq, ROWS, sent).unwrap()];
        // Retention may have been there before anybody looks.
        let is_kept = self.opened > LONG_AGO;
        let appended = if is_kept { Appended::As(seq) } else { Appended::Unknown };
        self.ledger.batches.push(Batch { table, rows: ROWS, appended });
        Group { app_id: format!("local/{spool_id}"), last_seq: seq, rows }
    }
}

impl Upkeep {
    pub(crate) fn new(test: &'static str, directory: Directory, place: Place, seed: u64) -> Self {
        let (sender, events) = mpsc::channel();
        Self {
            test,
            directory,
            lake: place.faulty(Plan::new(Vec::new())),
            place,
            sources: [
                Source::new("measuring", station::MIDNIGHT),
                Source::new("offline", LONG_AGO),
            ],
            runtime: Runtime::new().unwrap(),
            sender,
            events,
            random: StdRng::seed_from_u64(seed),
            deaths: 0,
        }
    }

    /// Has a maintainer die there, and looks at the tables.
    pub(crate) fn die(&mut self, acts: &[Act], call: Call, path: &str, moment: Moment, most: u32) {
        let nth = self.random.random_range(1..=most);
        let fault = Fault::kill(call, path, moment, nth);
        let table = TABLES[self.deaths % TABLES.len()];
        self.deaths += 1;
        let what = format!("{fault:?}");
        let role = Role::Maintainer(maintainer::Options {
            place: self.place.clone(),
            faults: vec![fault],
            acts: acts.to_vec(),
        });
        let log = self.directory.join("maintainers.log");
        let (child, sender) = (self.deaths, self.sender.clone());
        let mut handle = Handle::start(self.test, &role, &[], &log, child, sender);
        let mut died = None;
        for _ in 0..ROUNDS {
            self.append(table);
            handle.tell(&format!("go {}", table.name));
            match self.next(child) {
                What::Said(line) if line == "done" => {}
                What::Said(line) => {
                    died = Some(line);
                    break;
                }
                What::Ended => break,
            }
        }
        assert!(died.is_some_and(|line| line.starts_with("killed")), "{what}: see maintainers.log");
        while !matches!(self.next(child), What::Ended) {}
        assert!(handle.killed());
        // The machine may stay up, and go down with a later death.
        if self.random.random_bool(0.5) {
            self.place.power_cut();
            self.lake = self.place.faulty(Plan::new(Vec::new()));
        }
        self.check(&what);
    }

    /// Everything is done once more, undisturbed.  How many rows are left.
    pub(crate) fn finish(&mut self) -> u64 {
        let role = Role::Maintainer(maintainer::Options {
            place: self.place.clone(),
            faults: Vec::new(),
            acts: Act::ALL.to_vec(),
        });
        let log = self.directory.join("maintainers.log");
        let mut handle = Handle::start(self.test, &role, &[], &log, 0, self.sender.clone());
        for table in TABLES {
            handle.tell(&format!("go {}", table.name));
            assert!(matches!(self.next(0), What::Said(line) if line == "done"));
        }
        handle.release();
        while !matches!(self.next(0), What::Ended) {}
        let rows = self.check("the end");
        assert_eq!(rows, self.sources[0].ledger.rows() as u64, "rows of dates that are too old");
        rows
    }

    pub(crate) fn batches(&self) -> usize {
        self.sources.iter().map(|source| source.ledger.batches.len()).sum()
    }

    fn next(&self, child: usize) -> What {
        loop {
            let event = self.events.recv_timeout(DEADLINE);
            let event = event.unwrap_or_else(|error| panic!("not within {DEADLINE:?}: {error}"));
            if event.child == child {
                return event.what;
            }
        }
    }

    fn check(&self, what: &str) -> u64 {
        let settings = Settings { settle: Duration::ZERO };
        let lake = self.place.faulty(Plan::new(Vec::new()));
        let report = self.runtime.block_on(lake.check(&settings)).unwrap();
        assert!(report.is_clean(), "after {what}: {:#?}", report.findings);
        let ledgers = self.sources.each_ref().map(|source| &source.ledger);
        ledger::check(&self.place, &ledgers, Due::Everything)
    }

    /// Small files, some of them of a date that is too old.
    fn append(&mut self, table: &'static Table) {
        for _ in 0..BATCHES {
            for source in &mut self.sources {
                let group = source.next(table);
                self.runtime.block_on(self.lake.append(table, vec![group])).unwrap();
            }
        }
    }
}
