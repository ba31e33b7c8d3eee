//! The driver: four stations with their spools, collectors that die, and the
//! ledger that outlives them.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use trigpoint_record::Table;
use trigpoint_record::tables::SNAPSHOTS;
use trigpoint_testkit::Directory;

use super::child::{Event, Handle, Role, What};
use super::collector::{self, Place};
use super::faults::{Call, Fault, Moment};
use super::ledger::{self, Appended, Batch, Due, Ledger};
use super::proxy::Proxy;
use super::station;

const STATIONS: usize = 4;
/// Batches of a station that may wait for their acknowledgement before it
/// appends more.
const AHEAD: usize = 6;
/// Far above what a loaded machine needs for anything that is waited for here.
const DEADLINE: Duration = Duration::from_mins(5);

/// Rows of a test: snapshots, flows, speed tests.
pub(crate) type Size = [usize; 3];
/// Many commits of few rows.
pub(crate) const SMALL: Size = [6, 2, 1];

/// Where a collector dies.
#[derive(Debug, Clone)]
pub(crate) enum Death {
    At(Fault),
    /// When it has committed, and acknowledges for the nth time.
    BeforeAck(u32),
}

pub(crate) struct Campaign {
    /// The test that runs it, for children to be started as.
    test: &'static str,
    directory: Directory,
    place: Place,
    proxy: Proxy,
    stations: Vec<Station>,
    collectors: Vec<Option<Collector>>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    children: usize,
    pub(crate) random: StdRng,
    pub(crate) size: Size,
    pub(crate) deaths: usize,
    pub(crate) station_deaths: usize,
    /// Planned faults that were met, other than deaths.
    met: usize,
}

struct Station {
    child: usize,
    handle: Handle,
    ledger: Ledger,
    /// Appends after which it is killed.
    left: Option<u32>,
}

struct Collector {
    child: usize,
    handle: Handle,
    address: Option<SocketAddr>,
    /// Where it said that it dies.
    died: Option<String>,
    /// It was asked to end.
    released: bool,
}

impl Campaign {
    /// Stations that look for `collectors` at a time, which share a lake.
    pub(crate) fn new(
        test: &'static str,
        directory: Directory,
        place: Place,
        collectors: usize,
        seed: u64,
    ) -> Self {
        let (sender, events) = mpsc::channel();
        let mut campaign = Self {
            test,
            directory,
            place,
            proxy: Proxy::start(collectors),
            stations: Vec::new(),
            collectors: (0..collectors).map(|_| None).collect(),
            sender,
            events,
            children: 0,
            random: StdRng::seed_from_u64(seed),
            size: SMALL,
            deaths: 0,
            station_deaths: 0,
            met: 0,
        };
        for number in 0..STATIONS {
            let ledger = Ledger::new(format!("station{number}"));
            let (child, handle) = campaign.start_station(&ledger);
            campaign.stations.push(Station { child, handle, ledger, left: None });
        }
        campaign
    }

    /// Has a collector die there while rows come in, and looks at the lake.
    pub(crate) fn die(&mut self, death: &Death) {
        let slot = self.deaths % self.collectors.len();
        self.retire(slot);
        let faults = match death {
            Death::At(fault) => vec![fault.clone()],
            Death::BeforeAck(_) => Vec::new(),
        };
        self.start_collector(slot, faults);
        self.start_missing();
        self.until("a collector listens", |campaign| {
            campaign.collectors[slot].as_ref().is_none_or(|live| live.address.is_some())
        });
        if let (Death::BeforeAck(nth), Some(live)) = (death, &self.collectors[slot]) {
            self.proxy.kill_before_ack(nth - 1, live.address.unwrap(), live.handle.pid());
        }
        let before = self.deaths;
        self.until(&format!("{death:?}"), |campaign| {
            campaign.append();
            campaign.deaths > before
        });
    }

    /// Kills a station after some more appends; it starts again with its spool.
    pub(crate) fn kill_station(&mut self) {
        let first = self.random.random_range(0..STATIONS);
        let left = self.random.random_range(1..=5);
        // One that is not about to die already.
        let mut order = (first..STATIONS).chain(0..first);
        let station = order.find(|station| self.stations[*station].left.is_none());
        self.stations[station.unwrap()].left = Some(left);
    }

    /// Serves with collectors of which each call in `faults` goes wrong.
    pub(crate) fn survive(&mut self, faults: Vec<Fault>) {
        let expected = self.met + faults.len();
        self.start_collector(0, faults);
        self.until("every planned fault", |campaign| {
            campaign.append();
            campaign.met >= expected
        });
    }

    /// Appends until there are `rows`, has them all delivered, and checks that
    /// the lake holds them and nothing else.
    pub(crate) fn finish(&mut self, rows: usize) -> u64 {
        self.start_missing();
        self.until("the last append", |campaign| {
            campaign.append();
            campaign.rows() >= rows
                && campaign.stations.iter().all(|station| station.left.is_none())
        });
        self.until("the last acknowledgement", |campaign| {
            campaign.stations.iter().all(|station| station.ledger.waiting() == 0)
        });
        for slot in 0..self.collectors.len() {
            self.retire(slot);
        }
        self.place.expect_clean();
        self.check(Due::Everything)
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        self.place.is_on_disk()
    }

    pub(crate) fn rows(&self) -> usize {
        self.stations.iter().map(|station| station.ledger.rows()).sum()
    }

    pub(crate) fn batches(&self) -> usize {
        self.stations.iter().map(|station| station.ledger.batches.len()).sum()
    }

    /// A fault at the nth matching call, with `nth` up to `most`.
    pub(crate) fn soon(&mut self, call: Call, path: &str, moment: Moment, most: u32) -> Death {
        let nth = self.random.random_range(1..=most);
        Death::At(Fault::kill(call, path, moment, nth))
    }

    fn check(&self, due: Due) -> u64 {
        let ledgers: Vec<_> = self.stations.iter().map(|station| &station.ledger).collect();
        ledger::check(&self.place, &ledgers, due)
    }

    /// Gives every station that has room another test to store.
    fn append(&mut self) {
        let size = self.size;
        for station in &mut self.stations {
            if station.ledger.waiting() < AHEAD {
                for (table, rows) in ledger::TABLES.into_iter().zip(size) {
                    station.append(table, rows);
                }
            }
        }
    }

    fn start_station(&mut self, ledger: &Ledger) -> (usize, Handle) {
        let name = ledger.station.clone();
        let spool = self.directory.join(format!("spools/{name}"));
        std::fs::create_dir_all(spool.parent().unwrap()).unwrap();
        let log = format!("{name}.log");
        let options = station::Options { name, spool, collector: self.proxy.uri.clone() };
        self.start(&Role::Station(options), &log)
    }

    fn start_collector(&mut self, slot: usize, faults: Vec<Fault>) {
        let options = collector::Options { place: self.place.clone(), faults };
        let (child, handle) = self.start(&Role::Collector(options), "collectors.log");
        let live = Collector { child, handle, address: None, died: None, released: false };
        self.collectors[slot] = Some(live);
    }

    fn start_missing(&mut self) {
        for slot in 0..self.collectors.len() {
            if self.collectors[slot].is_none() {
                self.start_collector(slot, Vec::new());
            }
        }
    }

    fn start(&mut self, role: &Role, log: &str) -> (usize, Handle) {
        self.children += 1;
        let (child, sender) = (self.children, self.sender.clone());
        let log = self.directory.join(log);
        let environment = match role {
            Role::Collector(_) => self.place.environment(),
            Role::Station(_) | Role::Maintainer(_) => &[],
        };
        (child, Handle::start(self.test, role, environment, &log, child, sender))
    }

    /// Has a collector end in peace, if there is one.
    fn retire(&mut self, slot: usize) {
        if let Some(live) = &mut self.collectors[slot] {
            live.released = true;
            live.handle.release();
            self.proxy.set(slot, None);
        }
        self.until("the end of a collector", |campaign| campaign.collectors[slot].is_none());
    }

    /// Handles what children do until `reached`.
    #[track_caller]
    fn until(&mut self, what: &str, mut reached: impl FnMut(&mut Self) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !reached(self) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(event) = self.events.recv_timeout(left) else {
                let streams = self.proxy.streams();
                panic!("not within {DEADLINE:?}: {what}; streams go to {streams:?}");
            };
            self.handle(event.child, &event.what);
        }
    }

    fn handle(&mut self, child: usize, what: &What) {
        if let Some(station) = self.stations.iter().position(|station| station.child == child) {
            match what {
                What::Said(line) => self.stations[station].said(line),
                What::Ended => self.station_ended(station),
            }
        }
        let live = |live: &Option<Collector>| live.as_ref().is_some_and(|it| it.child == child);
        if let Some(slot) = self.collectors.iter().position(live) {
            match what {
                What::Said(line) => self.collector_said(slot, line),
                What::Ended => self.collector_ended(slot),
            }
        }
    }

    fn collector_said(&mut self, slot: usize, line: &str) {
        let Some(live) = &mut self.collectors[slot] else { return };
        match line.split_once(' ') {
            Some(("listening", address)) => {
                live.address = Some(address.parse().unwrap());
                self.proxy.set(slot, live.address);
            }
            Some(("killed", why)) => live.died = Some(why.to_owned()),
            Some(("met", _)) => self.met += 1,
            _ => panic!("a collector said `{line}`"),
        }
    }

    fn collector_ended(&mut self, slot: usize) {
        self.proxy.set(slot, None);
        let Some(live) = self.collectors[slot].take() else { return };
        let (released, died) = (live.released, live.died.clone());
        let killed = live.handle.killed();
        assert!(killed != released, "a collector ended by itself, see collectors.log: {died:?}");
        if killed {
            self.deaths += 1;
            // The machine may stay up, and go down with a later death.
            if self.collectors.iter().all(Option::is_none) && self.random.random_bool(0.5) {
                self.place.power_cut();
            }
            self.check(Due::Acknowledged);
        }
    }

    fn station_ended(&mut self, station: usize) {
        self.station_deaths += 1;
        let mut ledger =
            std::mem::replace(&mut self.stations[station].ledger, Ledger::new(String::new()));
        ledger.died();
        let (child, handle) = self.start_station(&ledger);
        let died = std::mem::replace(
            &mut self.stations[station],
            Station { child, handle, ledger, left: None },
        );
        assert!(died.handle.killed(), "a station ended by itself, see its log");
    }
}

impl Station {
    fn append(&mut self, table: &'static Table, rows: usize) {
        let number = self.ledger.batches.len();
        self.ledger.batches.push(Batch { table, rows, appended: Appended::NotYet });
        self.handle.tell(&format!("append {number} {} {rows}", table.name));
    }

    fn said(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["spool", id] => {
                let before = self.ledger.spool_id.replace(id.to_owned());
                assert!(before.is_none_or(|before| before == id), "the spool has another name");
            }
            ["appended", number, seq] => {
                self.ledger.appended(number.parse().unwrap(), seq.parse().unwrap());
                if let Some(left) = &mut self.left {
                    *left -= 1;
                    if *left == 0 {
                        // In the middle of the next one, as chance will have it.
                        self.append(&SNAPSHOTS, 1);
                        self.handle.kill();
                        // It is over when the new process has appended again.
                        self.left = Some(u32::MAX);
                    }
                }
            }
            ["acknowledged", seq] => {
                let seq = seq.parse().unwrap();
                self.ledger.acknowledged = self.ledger.acknowledged.max(seq);
            }
            _ => panic!("a station said `{line}`"),
        }
    }
}
