//! A spool on a faulty disk beside a model of what it must still have.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    faulty_disk::{Fault, FaultyDisk},
    *,
};

const TABLE: &str = "flows";
/// Bytes of the `id` file.
const ID_BYTES: u64 = 42;

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Appends a batch of so many bytes, or again the one that failed.
    Append(usize),
    /// The batch that failed is not tried again.
    GiveUp,
    /// So many more are acknowledged.
    Acknowledge(u64),
    /// The collector knows of so many more.
    ContinueAfter(u64),
    /// Reads from anywhere.
    Read(u64),
    /// The process ends or is killed; the page cache survives it.
    Restart,
    PowerFailure,
    Fault(Fault),
    /// The trouble ends.
    Heal,
}

pub(super) struct World {
    disk: FaultyDisk,
    settings: Settings,
    spool: Option<Spool>,
    /// Every batch that anyone ever tried to append; its place is its name.
    tried: Vec<Vec<u8>>,
    /// The batch that failed and will be tried again.
    waiting: Option<usize>,
    /// Sequence number and batch of every append that returned.
    returned: BTreeMap<u64, usize>,
    /// The same of every batch that was ever read.
    seen: BTreeMap<u64, usize>,
    /// Numbers that a reader was told to be lost.
    told_lost: BTreeSet<u64>,
    /// Those of them that the size cap took.
    capped: BTreeSet<u64>,
    acknowledged: u64,
    /// Whether nothing was done since the spool was opened.  Later, the size cap
    /// may take batches of which only a former life knew the acknowledgement.
    is_new: bool,
    /// Whether a call failed since the last change that succeeded: files of no
    /// more use may be left.
    is_unswept: bool,
    /// Whether a call failed since the spool was opened: bytes may be left.
    is_untidy: bool,
}

impl World {
    /// An empty disk, on which the spool is opened with the fault in place.
    pub(super) fn new(seed: u64, settings: Settings, fault: Option<Fault>) -> Self {
        let mut world = Self {
            disk: FaultyDisk::new(seed),
            settings,
            spool: None,
            tried: Vec::new(),
            waiting: None,
            returned: BTreeMap::new(),
            seen: BTreeMap::new(),
            told_lost: BTreeSet::new(),
            capped: BTreeSet::new(),
            acknowledged: 0,
            is_new: true,
            is_unswept: false,
            is_untidy: false,
        };
        world.disk.set_fault(fault);
        world.open();
        world
    }

    pub(super) fn disk(&self) -> &FaultyDisk {
        &self.disk
    }

    /// Does one after the other, and checks everything after each.
    pub(super) fn live(&mut self, history: &[Action]) {
        for action in history {
            self.act(action);
        }
    }

    fn act(&mut self, action: &Action) {
        let failed_calls = self.disk.failed_calls();
        self.is_new = false;
        let result = match *action {
            Action::Append(len) => self.append(len),
            Action::GiveUp => {
                self.waiting = None;
                Ok(())
            }
            Action::Acknowledge(count) => self.acknowledge(count),
            Action::ContinueAfter(count) => self.continue_after(count),
            Action::Read(seq) => self.read(seq),
            Action::Restart => {
                self.open();
                Ok(())
            }
            Action::PowerFailure => {
                self.lose_power();
                Ok(())
            }
            Action::Fault(fault) => {
                self.disk.set_fault(Some(fault));
                Ok(())
            }
            Action::Heal => {
                self.disk.set_fault(None);
                Ok(())
            }
        };
        let has_failed = self.disk.failed_calls() > failed_calls;
        if let Err(error) = result {
            assert!(has_failed, "{error} without trouble");
        }
        self.is_unswept |= has_failed;
        self.is_untidy |= has_failed;
        if !self.disk.has_power() {
            self.lose_power();
        }
        self.check();
    }

    fn spool(&self) -> &Spool {
        self.spool.as_ref().unwrap()
    }

    fn append(&mut self, len: usize) -> Result<(), Error> {
        let batch = self.waiting.take().unwrap_or_else(|| {
            let name = self.tried.len();
            let filler = if name.is_multiple_of(3) { &record::MAGIC[..] } else { &[name as u8] };
            let name = (name as u32).to_le_bytes();
            self.tried
                .push(name.iter().chain(filler.iter().cycle()).take(4 + len).copied().collect());
            self.tried.len() - 1
        });
        let seq = match self.spool().append(TABLE, &self.tried[batch]) {
            Ok(seq) => seq,
            Err(error) => {
                self.waiting = Some(batch);
                return Err(error);
            }
        };
        assert!(seq > self.highest(), "{seq} was given, read or told as lost before");
        self.returned.insert(seq, batch);
        self.is_unswept = false;
        let (spool, max_bytes) = (self.spool(), self.settings.max_bytes);
        assert!(spool.bytes() <= max_bytes, "{} bytes", spool.bytes());
        if !self.is_untidy {
            assert_eq!(self.disk.bytes(), spool.bytes() + ID_BYTES, "bytes on disk");
        }
        Ok(())
    }

    fn acknowledge(&mut self, count: u64) -> Result<(), Error> {
        let seq = (self.spool().acknowledged() + count).min(self.spool().last_seq());
        self.acknowledged = self.acknowledged.max(seq);
        self.spool().acknowledge(seq)?;
        self.is_unswept = false;
        Ok(())
    }

    fn continue_after(&mut self, count: u64) -> Result<(), Error> {
        let seq = self.spool().last_seq() + count;
        self.spool().continue_after(seq)?;
        assert_eq!(self.spool().last_seq(), seq);
        Ok(())
    }

    fn read(&self, seq: u64) -> Result<(), Error> {
        let seq = seq % (self.spool().last_seq() + 2);
        let from = seq.max(self.spool().acknowledged());
        match self.spool().read_after(seq)? {
            Some(entry) => assert!(entry.last_seq() > from, "{entry:?} behind {from}"),
            None => assert!(from >= self.spool().last_seq(), "nothing behind {from}"),
        }
        Ok(())
    }

    /// Only a disk that does not work keeps a spool closed.
    fn open(&mut self) {
        self.spool = None;
        self.waiting = None;
        let failed_calls = self.disk.failed_calls();
        let mut opened = self.try_open();
        if let Err(error) = &opened {
            assert!(self.disk.failed_calls() > failed_calls, "{error} without trouble");
            self.disk.set_fault(None);
            if !self.disk.has_power() {
                self.disk.lose_power();
            }
            opened = self.try_open();
        }
        self.spool = Some(opened.unwrap());
        self.is_new = true;
        self.is_untidy = self.disk.failed_calls() > failed_calls;
    }

    fn try_open(&self) -> Result<Spool, Error> {
        Spool::on(Box::new(self.disk.clone()), Path::new("disk"), self.settings)
    }

    fn lose_power(&mut self) {
        self.disk.lose_power();
        self.open();
    }

    /// The highest number that must not be given again.
    fn highest(&self) -> u64 {
        let highest = [self.returned.keys().last(), self.seen.keys().last(), self.told_lost.last()];
        highest.into_iter().flatten().copied().max().unwrap_or(0)
    }

    /// Reads everything, and holds it against what must be there.
    fn check(&mut self) {
        let fault = self.disk.fault();
        self.disk.set_fault(None);
        let spool = self.spool.clone().unwrap();
        assert!(spool.last_seq() >= self.highest(), "numbers up to {} were given", self.highest());
        let freed = self.returned.range(self.acknowledged + 1..).map(|(seq, _)| *seq);
        for seq in freed.take_while(|seq| *seq <= spool.acknowledged()) {
            assert!(self.capped.contains(&seq), "{seq} was never acknowledged and is not read");
        }
        let mut next = spool.acknowledged() + 1;
        let mut has_batches = false;
        for entry in entries_after(&spool, 0) {
            let first = match &entry {
                Entry::Batch { seq, table, payload } => {
                    assert_eq!(table, TABLE);
                    self.check_batch(*seq, payload);
                    has_batches = true;
                    *seq
                }
                Entry::Gap { first_seq, last_seq, reason } => {
                    for seq in *first_seq..=*last_seq {
                        self.check_lost(seq, *reason);
                    }
                    *first_seq
                }
            };
            assert_eq!(first, next, "{entry:?}");
            next = entry.last_seq() + 1;
        }
        assert_eq!(next, spool.last_seq() + 1);
        assert!(spool.age().is_some() || !has_batches, "batches wait, but since when?");
        self.disk.set_fault(fault);
    }

    fn check_batch(&mut self, seq: u64, payload: &[u8]) {
        let batch = payload.first_chunk().map(|name| u32::from_le_bytes(*name) as usize).unwrap();
        assert_eq!(self.tried[batch], payload, "batch {seq}");
        for known in [self.returned.get(&seq), self.seen.get(&seq)].into_iter().flatten() {
            assert_eq!(*known, batch, "{seq} was another batch before");
        }
        assert!(!self.told_lost.contains(&seq), "{seq} was told to be lost");
        if self.seen.insert(seq, batch).is_none() {
            let twice = self.seen.iter().find(|(other, seen)| **other != seq && **seen == batch);
            assert_eq!(twice, None, "batch {seq} is there twice");
        }
    }

    fn check_lost(&mut self, seq: u64, reason: GapReason) {
        let is_known = self.capped.contains(&seq);
        if self.returned.contains_key(&seq) && !is_known {
            assert_eq!(reason, GapReason::SizeCap, "{seq} is lost, and its append returned");
            assert!(
                seq > self.acknowledged || self.is_unswept || !self.is_new,
                "{seq} was acknowledged and is told to be lost"
            );
        }
        self.told_lost.insert(seq);
        if reason == GapReason::SizeCap {
            self.capped.insert(seq);
        }
    }
}
